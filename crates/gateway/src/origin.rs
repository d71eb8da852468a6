//! Which web origins may use the gateway: governs CORS of the HTTP API and every upgrade that carries an `Origin`.

/// The origins that are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    /// `*` was among them.
    any: bool,
    /// Pages on loopback hosts are allowed.
    loopback: bool,
    /// In lower case, as browsers send them.
    exact: Vec<String>,
}

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin; write it as a browser sends it, such as \"https://app.example.com\", or \"*\" for all"
)]
pub struct InvalidOrigin(pub String);

impl AllowedOrigins {
    /// The origins of `list`: exact ones, or `*` for all.
    ///
    /// # Errors
    /// The first entry that is no origin.
    pub fn new(list: &[String]) -> Result<Self, InvalidOrigin> {
        let mut origins = AllowedOrigins::default();
        for entry in list {
            if entry == "*" {
                origins.any = true;
            } else if is_origin(entry) {
                origins.exact.push(entry.to_ascii_lowercase());
            } else {
                return Err(InvalidOrigin(entry.clone()));
            }
        }
        Ok(origins)
    }

    /// Allows every origin on a loopback host, whatever its port: for development.
    #[must_use]
    pub fn with_loopback(mut self) -> Self {
        self.loopback = true;
        self
    }

    /// Whether pages of `origin` (the text of the `Origin` header) may use the gateway.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.any
            || self.exact.iter().any(|exact| exact.eq_ignore_ascii_case(origin))
            || (self.loopback && is_origin(origin) && is_loopback(origin))
    }
}

/// Scheme and authority, nothing behind them.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !authority.is_empty()
        && authority.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@*".contains(&byte))
}

fn is_loopback(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_fits = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let host_fits = host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<core::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    matches!(scheme, "http" | "https") && port_fits && host_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowing(list: &[&str]) -> AllowedOrigins {
        AllowedOrigins::new(&list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn only_listed_origins_are_allowed() {
        let origins = allowing(&["https://app.example.com", "http://10.0.0.1:3000"]);
        for (origin, expected) in [
            ("https://app.example.com", true),
            ("https://APP.example.com", true),
            ("http://10.0.0.1:3000", true),
            ("http://app.example.com", false),
            ("https://app.example.com:444", false),
            ("https://app.example.com.evil.com", false),
            ("https://evil.com/https://app.example.com", false),
            ("http://localhost:3000", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(origins.allows(origin), expected, "{origin}");
        }
        assert!(!allowing(&[]).allows("https://app.example.com"));
        assert!(allowing(&["*"]).allows("null"));
    }

    #[test]
    fn for_development_loopback_is_allowed_on_any_port() {
        let origins = allowing(&[]).with_loopback();
        for (origin, expected) in [
            ("http://evil.example/.localhost", false),
            ("http://evil.example#.localhost", false),
            ("http://evil example.localhost", false),
            ("http://localhost", true),
            ("https://localhost:5173", true),
            ("http://app.localhost:5173", true),
            ("http://127.0.0.1:3000", true),
            ("http://127.8.8.8", true),
            ("http://[::1]:3000", true),
            ("http://[::1]", true),
            ("http://localhost.evil.com", false),
            ("http://127.0.0.1.evil.com", false),
            ("http://localhost:3000@evil.com", false),
            ("http://localhost:x", false),
            ("http://evil.com:80", false),
            ("http://xé.localhos€", false),
            ("file://localhost", false),
            ("null", false),
        ] {
            assert_eq!(origins.allows(origin), expected, "{origin}");
        }
    }

    #[test]
    fn an_entry_that_no_browser_sends_is_refused() {
        for entry in [
            "app.example.com",
            "https://a/",
            "https://a/b",
            "https://*.a",
            "https://",
            "://a",
            "",
            "https://u@a",
        ] {
            let list = [entry.to_owned()];
            assert_eq!(AllowedOrigins::new(&list), Err(InvalidOrigin(entry.to_owned())));
        }
    }
}
