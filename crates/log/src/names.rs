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

/// The segment that `name` belongs to, and what follows its number: ten digits, as we write them.
pub(crate) fn parse(name: &str) -> Option<(u64, &str)> {
    let (number, ending) = name.strip_prefix("segment-")?.split_once('.')?;
    let is_ours = number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| is_ours)?, ending))
}

/// The numbers of the files with `ending`, growing.
pub(crate) fn numbers(names: &[String], ending: &str) -> Vec<u64> {
    let parsed = names.iter().filter_map(|name| parse(name));
    let mut numbers: Vec<u64> = parsed.filter(|&(_, e)| e == ending).map(|(number, _)| number).collect();
    numbers.sort_unstable();
    numbers
}
