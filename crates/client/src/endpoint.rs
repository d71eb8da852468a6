//! Which URL a dial goes to.

use bowline_client_core::{DialFailure, Layer};
use http::HeaderValue;
use url::Url;

use crate::credential::Secret;
use crate::dial::DialRequest;
use crate::error::BuildError;

/// The server's URL as the caller gave it, checked once.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// `ws` or `wss`, with a host, without user part and fragment.
    url: Url,
}

/// How the credential goes into a dial.
pub(crate) enum Proof {
    /// There is none: an open server, or one that knows the caller otherwise.
    None,
    /// `Authorization: Bearer`.
    Header(Secret),
    /// `Authorization: Ticket`.
    Ticket(Secret),
    /// `?ticket=`.
    UrlTicket(Secret),
    /// `?token=`.
    UrlToken(Secret),
}

impl Endpoint {
    /// Takes `ws`, `wss`, `http` and `https`; the latter two mean the former two.
    pub(crate) fn parse(text: &str) -> Result<Self, BuildError> {
        let mut url = Url::parse(text).map_err(|error| BuildError::Url { why: error.to_string() })?;
        let scheme = match url.scheme() {
            "ws" | "http" => "ws",
            "wss" | "https" => "wss",
            other => return Err(BuildError::Scheme { scheme: other.to_owned() }),
        };
        url.set_scheme(scheme).expect("ws, wss, http and https may be exchanged for one another");
        if url.host_str().is_none_or(str::is_empty) {
            return Err(BuildError::Url { why: "it names no host".to_owned() });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BuildError::Url { why: "a user part is not used: pass a token instead".to_owned() });
        }
        url.set_fragment(None);
        Ok(Endpoint { url })
    }

    /// For logs.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// For logs; without the query, which may hold a credential.
    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }

    /// The request of one dial.
    pub(crate) fn request(
        &self,
        layer: Layer,
        proof: &Proof,
        message_bytes: usize,
    ) -> Result<DialRequest, DialFailure> {
        let mut url = self.url.clone();
        if layer == Layer::Resume {
            url.query_pairs_mut().append_pair("resume", "1");
        }
        let mut authorization = None;
        match proof {
            Proof::None => {}
            Proof::Header(token) => authorization = Some(bearer(token)?),
            Proof::Ticket(ticket) => authorization = Some(header("Ticket", ticket)?),
            Proof::UrlTicket(ticket) => {
                url.query_pairs_mut().append_pair("ticket", ticket.reveal());
            }
            Proof::UrlToken(token) => {
                url.query_pairs_mut().append_pair("token", token.reveal());
            }
        }
        Ok(DialRequest { url, authorization, message_bytes })
    }

    /// Where tickets for this endpoint are sold, and the path that a ticket is bound to.
    pub(crate) fn ticket_office(&self) -> (Url, &str) {
        let mut office = self.url.clone();
        office.set_path("/v1/tickets");
        office.set_query(None);
        (office, self.url.path())
    }
}

/// `Authorization: Bearer`.
pub(crate) fn bearer(token: &Secret) -> Result<HeaderValue, DialFailure> {
    header("Bearer", token)
}

/// The `Authorization` header, kept out of every `Debug` by its sensitive mark.
fn header(scheme: &str, secret: &Secret) -> Result<HeaderValue, DialFailure> {
    let mut value =
        HeaderValue::try_from(format!("{scheme} {}", secret.reveal())).map_err(|_| DialFailure::Refused {
            message: "the token holds characters that no HTTP header can carry (a line break at its end?)"
                .to_owned(),
        })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(endpoint: &str, layer: Layer, proof: &Proof) -> String {
        Endpoint::parse(endpoint).unwrap().request(layer, proof, 1024).unwrap().uri().to_owned()
    }

    #[test]
    fn a_url_asks_for_what_the_layer_and_the_credential_need() {
        let token = || Secret::new("a+b/c=&d".into());
        for (endpoint, layer, proof, expected) in [
            ("ws://h/agent", Layer::Plain, Proof::None, "ws://h/agent"),
            ("http://h", Layer::Plain, Proof::Header(token()), "ws://h/"),
            ("https://h:1/x", Layer::Resume, Proof::None, "wss://h:1/x?resume=1"),
            ("ws://h/?a=b#f", Layer::Plain, Proof::UrlToken(token()), "ws://h/?a=b&token=a%2Bb%2Fc%3D%26d"),
            (
                "wss://[::1]:9/",
                Layer::Resume,
                Proof::UrlTicket(token()),
                "wss://[::1]:9/?resume=1&ticket=a%2Bb%2Fc%3D%26d",
            ),
            ("ws://h/agent", Layer::Plain, Proof::Ticket(token()), "ws://h/agent"),
        ] {
            assert_eq!(uri(endpoint, layer, &proof), expected);
        }
    }

    #[test]
    fn what_is_no_server_is_refused_at_once() {
        for text in ["", "agent", "ftp://h/", "ws://", "ws://user:word@h/", "unix:/run/x"] {
            let error = Endpoint::parse(text).err().map(|e| e.to_string());
            assert!(error.is_some_and(|e| !e.contains("word@")), "{text:?}");
        }
    }

    #[test]
    fn no_debug_shows_a_credential() {
        let endpoint = Endpoint::parse("ws://h/agent?token=hunter2").unwrap();
        for proof in
            [Proof::Header(Secret::new("hunter2".into())), Proof::UrlToken(Secret::new("hunter2".into()))]
        {
            let request = endpoint.request(Layer::Plain, &proof, 1).unwrap();
            assert!(!format!("{request:?}").contains("hunter2"));
            assert!(!format!("{:?}", request.authorization()).contains("hunter2"));
        }
    }

    #[test]
    fn a_token_with_a_line_break_is_refused_without_being_shown() {
        let failure = bearer(&Secret::new("hunter2\n".into())).unwrap_err();
        assert!(!format!("{failure:?}").contains("hunter2"));
    }

    #[test]
    fn tickets_are_sold_beside_the_endpoint() {
        let endpoint = Endpoint::parse("wss://h:1/chats/t?x=y").unwrap();
        let (office, path) = endpoint.ticket_office();
        assert_eq!((office.as_str(), path), ("wss://h:1/v1/tickets", "/chats/t"));
    }
}
