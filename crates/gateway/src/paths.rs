//! Which topics a socket's path opens.
//!
//! A path template is made of segments, each a text or a `{capture}`; a topic template is a prefix and a rest that may use
//! the captures and `{account}`. Where two templates fit a path, the one that has a text where the other first has a capture
//! wins.

use std::collections::{BTreeMap, BTreeSet};

use bowline_gateway_core::SocketKind;
use bowline_proto::{Account, Topic};

use crate::percent;

/// The paths that open a socket.
#[derive(Clone, Debug)]
pub struct PathMap {
    /// Templates in the order in which they are tried.
    routes: BTreeMap<Vec<Segment>, Vec<TopicTemplate>>,
}

/// What a path opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTarget {
    /// Which limit the socket counts against.
    pub socket: SocketKind,
    /// Topics that are the account's own and need no grant: the inbox of an account socket, and what the map writes as
    /// `prefix:{account}`.
    pub own: Vec<Topic>,
    /// Topics that need a grant or a claim. On an account socket none: there every grant counts.
    pub gated: Vec<Topic>,
}

/// Why a line of the path table can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path:?}: {problem}")]
pub struct InvalidRoute {
    /// The path template, as configured.
    pub path: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// One segment of a path template. Texts are tried before captures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Text(String),
    Capture,
}

/// A topic with places to fill.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TopicTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The capture of that index.
    Capture(usize),
    Account,
}

/// Paths of account sockets.
const ACCOUNT_PATHS: [&str; 2] = ["/", "/agent"];

/// Paths that every gateway serves besides.
const BUILT_IN: [(&str, &str); 3] = [
    ("/chats/{threadId}", "chat:{threadId}"),
    ("/workspaces/{workspaceId}/transcripts/{transcriptId}", "transcript:{workspaceId}:{transcriptId}"),
    ("/notifications", "notifications:{account}"),
];

/// The templates of the paths that every gateway serves.
pub(crate) fn built_in() -> impl Iterator<Item = &'static str> {
    ACCOUNT_PATHS.into_iter().chain(BUILT_IN.map(|(path, _)| path))
}

impl PathMap {
    /// The built-in paths and those of `table` (path template to topic templates); a configured path wins over a built-in
    /// one.
    ///
    /// # Errors
    /// The first line that makes no sense.
    pub fn new(table: &BTreeMap<String, Vec<String>>) -> Result<Self, InvalidRoute> {
        let mut routes = BTreeMap::new();
        for (path, topics) in table {
            let (segments, topics) = route(path, topics)
                .map_err(|problem| InvalidRoute { path: path.clone(), problem: problem.into_owned() })?;
            if routes.insert(segments, topics).is_some() {
                let problem = "another line fits the same paths; keep one of them".to_owned();
                return Err(InvalidRoute { path: path.clone(), problem });
            }
        }
        for (path, topic) in BUILT_IN {
            let (segments, topics) =
                route(path, &[topic.to_owned()]).expect("the built-in paths are well-formed");
            routes.entry(segments).or_insert(topics);
        }
        Ok(PathMap { routes })
    }

    /// What `path` (as sent, with or without a query) opens for `account`. `None`: no such path, or a capture that makes no
    /// topic.
    #[must_use]
    pub fn resolve(&self, path: &str, account: &Account) -> Option<PathTarget> {
        let segments = segments(path)?;
        if is_account_path(&segments) {
            let own = vec![Topic::inbox(account)];
            return Some(PathTarget { socket: SocketKind::Account, own, gated: Vec::new() });
        }
        let (captures, templates) =
            self.routes.iter().find_map(|(route, topics)| Some((captures(route, &segments)?, topics)))?;
        let mut target = PathTarget { socket: SocketKind::Path, own: Vec::new(), gated: Vec::new() };
        for template in templates {
            let topic = template.fill(&captures, account)?;
            if template.is_own() { target.own.push(topic) } else { target.gated.push(topic) }
        }
        Some(target)
    }
}

/// One spelling for all spellings of a path: decoded and encoded again, without query and trailing slash. Tickets are bound
/// to it. `None` when it is no path.
#[must_use]
pub fn canonical(path: &str) -> Option<String> {
    let segments = segments(path)?;
    let mut text = String::with_capacity(path.len());
    for segment in &segments {
        text.push('/');
        percent::encode_into(&mut text, segment);
    }
    Some(if text.is_empty() { "/".to_owned() } else { text })
}

/// The decoded segments of a path, none for `/`.
fn segments(path: &str) -> Option<Vec<String>> {
    let path = path.split('?').next().unwrap_or_default();
    let inner = path.strip_prefix('/')?;
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() {
        return (path == "/").then(Vec::new);
    }
    inner.split('/').map(|segment| percent::decode(segment).filter(|text| !text.is_empty())).collect()
}

fn is_account_path(segments: &[String]) -> bool {
    match segments {
        [] => true,
        [only] => only == "agent",
        _ => false,
    }
}

/// The captures of a path that fits the template.
fn captures<'p>(template: &[Segment], path: &'p [String]) -> Option<Vec<&'p str>> {
    if template.len() != path.len() {
        return None;
    }
    let mut captures = Vec::new();
    for (segment, text) in template.iter().zip(path) {
        match segment {
            Segment::Text(expected) if expected == text => {}
            Segment::Text(_) => return None,
            Segment::Capture => captures.push(text.as_str()),
        }
    }
    Some(captures)
}

type Problem = std::borrow::Cow<'static, str>;

/// Reads one line of the table.
fn route(path: &str, topics: &[String]) -> Result<(Vec<Segment>, Vec<TopicTemplate>), Problem> {
    if ACCOUNT_PATHS.contains(&path) {
        return Err("is the path of account sockets; choose another".into());
    }
    let inner = path.strip_prefix('/').ok_or("a path begins with `/`")?;
    let mut names = Vec::new();
    let mut segments = Vec::new();
    for segment in inner.split('/') {
        if segment.is_empty() {
            return Err("a path has no empty segments and does not end with `/`".into());
        }
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some("account") => {
                return Err("`{account}` stands for the token's account; name the capture otherwise".into());
            }
            Some(name) if !is_name(name) => {
                return Err(format!("`{segment}`: a capture's name is made of letters, digits and _").into());
            }
            Some(name) if names.contains(&name) => {
                return Err(format!("`{segment}` stands there twice").into());
            }
            Some(name) => {
                names.push(name);
                segments.push(Segment::Capture);
            }
            None if segment.contains(['{', '}', '?', '#', '%']) => {
                return Err(
                    format!("`{segment}`: a segment is a plain text or one whole `{{capture}}`").into()
                );
            }
            None => segments.push(Segment::Text(segment.to_owned())),
        }
    }
    if topics.is_empty() {
        return Err("opens no topic; list at least one".into());
    }
    let templates: Vec<TopicTemplate> =
        topics.iter().map(|topic| TopicTemplate::new(topic, &names)).collect::<Result<_, _>>()?;
    let distinct: BTreeSet<&String> = topics.iter().collect();
    if distinct.len() != topics.len() {
        return Err("lists a topic twice; keep one".into());
    }
    Ok((segments, templates))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl TopicTemplate {
    fn new(text: &str, names: &[&str]) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, tail) =
                behind.split_once('}').ok_or_else(|| format!("topic {text:?} has a `{{` without `}}`"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(match names.iter().position(|known| *known == name) {
                _ if name == "account" => Part::Account,
                Some(index) => Part::Capture(index),
                None => {
                    return Err(
                        format!("topic {text:?} uses `{{{name}}}`, which the path does not capture").into()
                    );
                }
            });
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        // Whoever chooses the prefix chooses among all topics there are.
        if !matches!(parts.first(), Some(Part::Text(start)) if start.contains(':')) {
            return Err(format!("topic {text:?} must begin with a fixed prefix, such as `room:`").into());
        }
        let template = TopicTemplate { parts };
        let sample = template.text(&vec!["x"; names.len()], "x");
        let topic = Topic::new(&sample).map_err(|error| format!("topic {text:?}: {error}"))?;
        if topic.is_on_demand() {
            return Err(
                format!("topic {text:?} is on demand: it is subscribed, never opened by a path").into()
            );
        }
        Ok(template)
    }

    /// `prefix:{account}`, and nothing else: its topics are the account's own.
    fn is_own(&self) -> bool {
        matches!(&self.parts[..], [Part::Text(prefix), Part::Account] if prefix.find(':') == Some(prefix.len() - 1))
    }

    /// The topic, when the captures make one.
    fn fill(&self, captures: &[&str], account: &Account) -> Option<Topic> {
        let places: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text(_) => None,
                Part::Capture(index) => Some(captures[*index]),
                Part::Account => Some(account.as_str()),
            })
            .collect();
        // "a" and "b:c" must not make the same topic as "a:b" and "c".
        if places.len() > 1 && places.iter().any(|place| place.contains(':')) {
            return None;
        }
        Topic::new(&self.text(captures, account.as_str())).ok()
    }

    fn text(&self, captures: &[&str], account: &str) -> String {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Capture(index) => captures[*index],
                Part::Account => account,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&str, &[&str])]) -> Result<PathMap, InvalidRoute> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        PathMap::new(&lines.iter().map(|(path, topics)| ((*path).to_owned(), own(topics))).collect())
    }

    /// The topics that `path` opens for alice, own ones marked by `!`.
    fn opened(map: &PathMap, path: &str) -> Option<String> {
        let target = map.resolve(path, &Account::new("alice").unwrap())?;
        let own = target.own.iter().map(|topic| format!("!{topic}"));
        let topics: Vec<String> = own.chain(target.gated.iter().map(Topic::to_string)).collect();
        let socket = if target.socket == SocketKind::Account { "account: " } else { "" };
        Some(format!("{socket}{}", topics.join(" ")))
    }

    #[test]
    fn the_built_in_paths_open_their_topics() {
        let map = map(&[]).unwrap();
        let long = format!("/chats/{}", "x".repeat(260));
        for (path, expected) in [
            ("/", Some("account: !user:alice")),
            ("/agent", Some("account: !user:alice")),
            ("/agent/", Some("account: !user:alice")),
            ("/?resume=1", Some("account: !user:alice")),
            ("/chats/t1", Some("chat:t1")),
            ("/chats/t%201", Some("chat:t 1")),
            ("/chats/%2531", Some("chat:%31")),
            ("/chats/a%2Fb", Some("chat:a/b")),
            ("/chats/a:b", Some("chat:a:b")),
            ("/workspaces/w/transcripts/t", Some("transcript:w:t")),
            ("/notifications", Some("!notifications:alice")),
            ("/chats", None),
            ("/chats/", None),
            ("/chats//", None),
            ("/chats/t1/more", None),
            ("/chats/%0A", None),
            ("/chats/%zz", None),
            ("/chats/%FF", None),
            (&long, None),
            ("/workspaces/a:b/transcripts/c", None),
            ("/workspaces/a/transcripts/b%3Ac", None),
            ("/Agent", None),
            ("//", None),
            ("agent", None),
            ("", None),
        ] {
            assert_eq!(opened(&map, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn configured_paths_are_added_and_win_over_built_in_ones() {
        let map = map(&[
            ("/rooms/{room}", &["room:{room}", "presence:{account}", "room:{room}:{account}"]),
            ("/rooms/lobby", &["room:the_lobby"]),
            ("/{any}/lobby", &["any:{any}"]),
            ("/chats/{id}", &["thread:{id}"]),
        ])
        .unwrap();
        for (path, expected) in [
            ("/rooms/7", Some("!presence:alice room:7 room:7:alice")),
            ("/rooms/a:b", None),
            ("/rooms/lobby", Some("room:the_lobby")),
            ("/x/lobby", Some("any:x")),
            ("/chats/t1", Some("thread:t1")),
            ("/notifications", Some("!notifications:alice")),
        ] {
            assert_eq!(opened(&map, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_line_that_makes_no_sense_is_refused_with_its_path() {
        for (path, topics, problem) in [
            ("x", &["a:b"][..], "begins with"),
            ("/agent", &["a:b"], "account sockets"),
            ("/x/", &["a:b"], "empty segments"),
            ("/x/{a}/{a}", &["a:{a}"], "twice"),
            ("/x/{account}", &["a:{account}"], "name the capture otherwise"),
            ("/x/{a b}", &["a:b"], "letters"),
            ("/x/a{b}", &["a:{b}"], "plain text"),
            ("/x", &[], "at least one"),
            ("/x", &["a:{b}"], "does not capture"),
            ("/x", &["a:{b"], "without"),
            ("/x/{a}", &["{a}:b"], "fixed prefix"),
            ("/x/{a}", &["{a}"], "fixed prefix"),
            ("/x", &["nope"], "fixed prefix"),
            ("/x", &["UPPER:x"], "prefix"),
            ("/x/{a}", &["conv_ondemand:{a}"], "on demand"),
            ("/x", &["a:b", "a:b"], "twice"),
        ] {
            let error = map(&[(path, topics)]).unwrap_err();
            assert_eq!(error.path, path);
            assert!(error.problem.contains(problem), "{path}: {}", error.problem);
        }
        let error = map(&[("/x/{a}", &["a:{a}"]), ("/x/{b}", &["b:{b}"])]).unwrap_err();
        assert!(error.problem.contains("same paths"), "{}", error.problem);
    }

    #[test]
    fn all_spellings_of_a_path_have_one_canonical_form() {
        for (path, expected) in [
            ("/chats/t1", Some("/chats/t1")),
            ("/chats/%741", Some("/chats/t1")),
            ("/chats/t1/", Some("/chats/t1")),
            ("/chats/t1?resume=1", Some("/chats/t1")),
            ("/chats/a%2fb", Some("/chats/a%2Fb")),
            ("/chats/a/b", Some("/chats/a/b")),
            ("/", Some("/")),
            ("/?a", Some("/")),
            ("//", None),
            ("chats", None),
            ("", None),
        ] {
            assert_eq!(canonical(path).as_deref(), expected, "{path}");
        }
    }
}
