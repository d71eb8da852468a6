//! How files are called: `segment-0000000001.log`, with `.index`, `.removed` or `.damaged-…` beside it.

/// The file that keeps other processes out.
pub(crate) const LOCK: &str = "lock";

pub(crate) fn log(number: u64) -> String {
    format!("segment-{number:010}.log")
}

pub(crate) fn index(number: u64) -> String {
    format!("segment-{number:010}.index")
}

/// The index of a segment that retention removed, until a snapshot has taken up what it says.
pub(crate) fn removed(number: u64) -> String {
    format!("segment-{number:010}.removed")
}

/// Bytes kept aside that were found damaged from `offset` on.
pub(crate) fn damaged(number: u64, offset: u64) -> String {
    format!("segment-{number:010}.log.at-{offset}.damaged")
}

/// No segment of ours gets as far: a state that names a later one is damaged. Files have room for as many more.
pub(crate) const MOST: u64 = 1 << 62;

/// The segment that `name` belongs to, and what follows its number, which is written as we write it.
pub(crate) fn parse(name: &str) -> Option<(u64, &str)> {
    let (digits, ending) = name.strip_prefix("segment-")?.split_once('.')?;
    let number: u64 = digits.parse().ok()?;
    (format!("{number:010}") == digits && number < 2 * MOST).then_some((number, ending))
}

/// The numbers of the files with `ending`, growing.
pub(crate) fn numbers(names: &[String], ending: &str) -> Vec<u64> {
    let parsed = names.iter().filter_map(|name| parse(name));
    let mut numbers: Vec<u64> = parsed.filter(|&(_, e)| e == ending).map(|(number, _)| number).collect();
    numbers.sort_unstable();
    numbers
}
