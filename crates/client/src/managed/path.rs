//! Which URL a socket has: the client's base and a path, whose ids are percent-encoded.

use url::Url;

use crate::endpoint::Endpoint;
use crate::error::BuildError;
use crate::ticket::TicketError;

/// The server that all sockets of a client go to: scheme, host and port.
#[derive(Clone)]
pub(crate) struct Base {
    /// With the path `/`, without a query.
    url: Url,
}

impl Base {
    pub(crate) fn parse(text: &str) -> Result<Self, BuildError> {
        Endpoint::parse(text)?;
        let url = Url::parse(text).map_err(|error| BuildError::Url { why: error.to_string() })?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            let why = "a base URL has no path and no query: sockets add their own".to_owned();
            return Err(BuildError::Url { why });
        }
        Ok(Base { url })
    }

    /// The URL of a path as the application gave it, with or without its leading slash, perhaps with a query.
    pub(crate) fn at(&self, path: &str) -> Result<String, TicketError> {
        let path = path.strip_prefix('/').unwrap_or(path);
        // Joined as text behind "host/", so that nothing in the path can name another host.
        let url = Url::parse(&format!("{}{path}", self.url.as_str()))
            .map_err(|error| TicketError::Path { why: error.to_string() })?;
        Ok(url.into())
    }

    /// The URL of these segments, where those that come from the application may hold any character.
    pub(crate) fn of_segments(&self, segments: &[&str]) -> Result<String, TicketError> {
        let mut url = self.url.clone();
        for segment in segments {
            // Both mean a place in the path, also when they are encoded (URL standard, "single-dot path segment").
            if matches!(*segment, "" | "." | "..") {
                return Err(TicketError::Path { why: format!("{segment:?} is no id") });
            }
        }
        url.path_segments_mut()
            .expect("http and ws URLs have a path of segments")
            .pop_if_empty()
            .extend(segments);
        Ok(url.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_percent_encoded_and_cannot_leave_their_segment() {
        let base = Base::parse("http://h:1").unwrap();
        for (id, expected) in [
            ("thread-1", "http://h:1/chats/thread-1"),
            ("a/b", "http://h:1/chats/a%2Fb"),
            ("a b?c#d%2F", "http://h:1/chats/a%20b%3Fc%23d%252F"),
            ("ü", "http://h:1/chats/%C3%BC"),
            ("...", "http://h:1/chats/..."),
        ] {
            assert_eq!(base.of_segments(&["chats", id]).unwrap(), expected);
        }
        for id in ["", ".", ".."] {
            assert!(base.of_segments(&["chats", id]).is_err(), "{id:?}");
        }
    }

    #[test]
    fn a_path_stays_on_its_host() {
        let base = Base::parse("wss://h").unwrap();
        for (path, expected) in [
            ("/notifications", "wss://h/notifications"),
            ("notifications", "wss://h/notifications"),
            ("/a b?x=y", "wss://h/a%20b?x=y"),
            ("//evil.example/x", "wss://h//evil.example/x"),
            ("@evil.example", "wss://h/@evil.example"),
            ("https://evil.example", "wss://h/https://evil.example"),
            ("", "wss://h/"),
        ] {
            assert_eq!(base.at(path).unwrap(), expected);
        }
    }

    #[test]
    fn a_base_is_a_server_and_nothing_more() {
        for good in ["http://h", "https://h/", "ws://h:8080", "wss://[::1]:9/"] {
            assert!(Base::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "h", "ftp://h", "http://h/path", "http://h/?q=1", "http://u:p@h/"] {
            assert!(Base::parse(bad).is_err(), "{bad}");
        }
    }
}
