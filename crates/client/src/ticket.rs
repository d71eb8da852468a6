//! Buying a ticket: the token goes in a header of a `POST`, and what comes back opens one socket.

use std::pin::pin;

use bowline_client_core::DialFailure;
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use url::Url;

use crate::credential::Secret;
use crate::endpoint::{Endpoint, bearer};
use crate::failure::of_status;
use crate::tungstenite_dial::{Secure, TungsteniteDial};

/// The longest answer that is read: a ticket and two times take a few hundred bytes.
const ANSWER_BYTES: usize = 16 * 1024;

/// `POST /v1/tickets` for the endpoint's path. Its deadline is the dial's: the caller drops the future.
pub(crate) async fn buy(
    endpoint: &Endpoint,
    network: &TungsteniteDial,
    token: &Secret,
) -> Result<Secret, DialFailure> {
    let (office, path) = endpoint.ticket_office();
    let request = order(&office, path, token)?;
    let secure = if office.scheme() == "wss" { Secure::Yes } else { Secure::No };
    let host = match office.host() {
        Some(url::Host::Ipv6(address)) => address.to_string(),
        _ => office.host_str().unwrap_or_default().to_owned(),
    };
    let port = office.port_or_known_default().unwrap_or(80);
    let stream = network.open(&host, port, secure).await?;
    let (sender, exchange) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| temporary(&format!("the ticket request failed ({error})")))?;
    // The exchange moves the bytes while the answer is awaited; it may end first, with the answer already in hand.
    match select(pin!(ask(sender, request)), pin!(exchange)).await {
        Either::Left((answer, _)) => answer,
        Either::Right((_, answer)) => answer.await,
    }
}

async fn ask(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Secret, DialFailure> {
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| temporary(&format!("the ticket request failed ({error})")))?;
    let (head, body) = response.into_parts();
    if head.status == StatusCode::NOT_FOUND {
        return Err(DialFailure::Refused {
            message:
                "the server sells no tickets (404 at /v1/tickets): use CredentialMode::Header or UrlToken"
                    .to_owned(),
        });
    }
    if !head.status.is_success() {
        return Err(of_status("the ticket request", head.status, &head.headers));
    }
    let bytes = Limited::new(body, ANSWER_BYTES)
        .collect()
        .await
        .map_err(|_| temporary("the ticket's answer broke off or is too long"))?
        .to_bytes();
    let sold: Sold = serde_json::from_slice(&bytes)
        .map_err(|_| temporary("the ticket's answer is not the expected JSON: is this a Bowline gateway?"))?;
    Ok(Secret::new(sold.ticket))
}

/// The answer; `Debug` is not derived, because it holds the ticket.
#[derive(Deserialize)]
struct Sold {
    ticket: String,
}

fn order(office: &Url, path: &str, token: &Secret) -> Result<Request<Full<Bytes>>, DialFailure> {
    let body = serde_json::json!({ "path": path }).to_string();
    let host = match (office.host_str(), office.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    Request::builder()
        .method(Method::POST)
        .uri(office.path())
        .header(HOST, host)
        .header(AUTHORIZATION, bearer(token)?)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| DialFailure::Refused {
            message: "the URL cannot be used for a ticket request".to_owned(),
        })
}

fn temporary(message: &str) -> DialFailure {
    DialFailure::Temporary { retry_after: None, message: message.to_owned() }
}
