//! How an attempt gets its credential and its socket.

use std::sync::Arc;

use bowline_client_core::{CredentialFailure, DialFailure, Layer};
use futures_util::future::BoxFuture;

use crate::credential::{CredentialMode, ErasedTokenProvider, Secret};
use crate::dial::{BoxSocket, ErasedDial};
use crate::endpoint::{Endpoint, Proof};
use crate::ticket::{self, TicketNote};
use crate::tungstenite_dial::TungsteniteDial;

pub(crate) struct Dialer {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) tokens: Option<Arc<dyn ErasedTokenProvider>>,
    pub(crate) mode: CredentialMode,
    pub(crate) dial: Arc<dyn ErasedDial>,
    /// Buys tickets, whatever `dial` is.
    pub(crate) network: Arc<TungsteniteDial>,
    /// Hears why the last ticket could not be bought.
    pub(crate) ticket_note: Option<TicketNote>,
    /// Longest message to take, in bytes.
    pub(crate) message_bytes: usize,
}

impl Dialer {
    /// Asks the provider; without one there is no credential, and that is no failure.
    pub(crate) fn ask(&self) -> BoxFuture<'static, Result<Option<Secret>, CredentialFailure>> {
        match &self.tokens {
            Some(tokens) => {
                let answer = tokens.clone().ask();
                Box::pin(async move { answer.await.map(Some) })
            }
            None => Box::pin(core::future::ready(Ok(None))),
        }
    }

    /// Opens a socket. A ticket is bought here and not with the token, so that it is seconds old when it is used and
    /// its refusal is a refusal of the dial: a 401 leads to one fresh token, exactly as one at the upgrade does.
    pub(crate) fn dial(
        &self,
        layer: Layer,
        token: Option<Secret>,
    ) -> BoxFuture<'static, Result<BoxSocket, DialFailure>> {
        let (endpoint, network, dial) = (self.endpoint.clone(), self.network.clone(), self.dial.clone());
        let (mode, message_bytes, note) = (self.mode, self.message_bytes, self.ticket_note.clone());
        Box::pin(async move {
            let proof = match (mode, token) {
                (_, None) => Proof::None,
                (CredentialMode::Header, Some(token)) => Proof::Header(token),
                (CredentialMode::UrlToken, Some(token)) => Proof::UrlToken(token),
                (CredentialMode::Ticket | CredentialMode::UrlTicket, Some(token)) => {
                    let bought = ticket::buy(&endpoint, &network, &token).await;
                    if let (Err(error), Some(note)) = (&bought, &note) {
                        note.write(error);
                    }
                    let ticket = bought?.into_secret();
                    if mode == CredentialMode::Ticket {
                        Proof::Ticket(ticket)
                    } else {
                        Proof::UrlTicket(ticket)
                    }
                }
            };
            dial.open(endpoint.request(layer, &proof, message_bytes)?).await
        })
    }
}
