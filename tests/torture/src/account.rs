//! Accounts of the gateway under test: their tokens and rights, through the command line as a user would.

use std::process::Command;
use std::time::{Duration, Instant};

use bowline_history::{Attempt, Digest, PublishName};
use bowline_proto::{Account, Seq, Topic};
use serde::Deserialize;

use crate::book::Book;
use crate::gateway::{Gateway, TortureError, error};
use crate::publisher::Marks;

/// A token that outlives the run.
pub(crate) fn token(gateway: &Gateway, account: &str, scope: Option<&str>) -> Result<String, TortureError> {
    let mut command = Command::new(gateway.binary());
    command.args(["token", "--account", account, "--ttl", "1d", "--kind", "agent"]);
    command.arg("--data-dir").arg(gateway.data_dir());
    if let Some(scope) = scope {
        command.args(["--scope", scope]);
    }
    Ok(output(&mut command)?.trim().to_string())
}

/// Gives `account` the right to each of `topics`.
pub(crate) fn grant(
    gateway: &Gateway,
    book: &Book,
    account: &str,
    topics: &[Topic],
) -> Result<(), TortureError> {
    let admin = Admin::of(gateway, book)?;
    topics.iter().try_for_each(|topic| admin.change(account, topic, Change::Grant))
}

/// What becomes of a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is given.
    Grant,
    /// It is taken.
    Revoke,
}

/// Who decides about rights; notes each decision in the book.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    base: String,
    pub(crate) token: String,
    book: Book,
    agent: ureq::Agent,
}

impl Admin {
    pub(crate) fn of(gateway: &Gateway, book: &Book) -> Result<Self, TortureError> {
        Ok(Admin {
            base: format!("http://{}", gateway.listen()),
            token: token(gateway, "torture-admin", Some("publish,admin"))?,
            book: book.clone(),
            // Longer than any fault makes a request wait: one that was given up could be carried out behind its successor.
            agent: patient_agent(Duration::from_secs(30)),
        })
    }

    /// Asks until it is answered.
    pub(crate) fn change(&self, account: &str, topic: &Topic, change: Change) -> Result<(), TortureError> {
        let url = format!("{}/v1/accounts/{account}/topics/{topic}", self.base);
        let name = self.book.next_name(RIGHTS);
        let (account, topic) = (Account::new(account).map_err(error)?, topic.clone());
        let attempt = match change {
            Change::Grant => Attempt::Grant { account, topic },
            Change::Revoke => Attempt::Revoke { account, topic },
        };
        self.book.attempt(name, vec![attempt]);
        self.until_answered(name, || {
            let bearer = format!("Bearer {}", self.token);
            match change {
                Change::Grant => self.agent.put(&url).header("authorization", bearer).send_empty(),
                Change::Revoke => self.agent.delete(&url).header("authorization", bearer).call(),
            }
        })
    }

    /// One last event of each topic, so that everybody can be waited for who has a right to any of them.
    pub(crate) fn last_words(&self, topics: &[Topic]) -> Result<Marks, TortureError> {
        let mut marks = Marks::default();
        for (number, topic) in (0..).zip(topics) {
            let name = (LAST_WORDS, number);
            let payload = format!(r#"{{"last":{number}}}"#);
            let body = format!(r#"{{"topic":"{topic}","type":"torture.event","payload":{payload}}}"#);
            let attempt = Attempt::Event { topic: topic.clone(), payload: Digest::of(payload.as_bytes()) };
            self.book.attempt(name, vec![attempt]);
            self.until_answered(name, || {
                self.agent
                    .post(format!("{}/v1/events", self.base))
                    .header("authorization", format!("Bearer {}", self.token))
                    .header("content-type", "application/json")
                    .header("idempotency-key", format!("last-word-{number}"))
                    .send(&body)
            })?;
            marks.raise(topic, self.book.last_answer(name));
        }
        Ok(marks)
    }

    fn until_answered(
        &self,
        name: PublishName,
        ask: impl Fn() -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<(), TortureError> {
        let start = Instant::now();
        loop {
            let why = match ask() {
                Ok(mut answer) if answer.status().is_success() => {
                    if let Ok(text) = answer.body_mut().read_to_string()
                        && let Ok(placed) = serde_json::from_str::<Placed>(&text)
                        && let Some(seq) = Seq::new(placed.seq)
                    {
                        self.book.answered(name, &[seq]);
                        return Ok(());
                    }
                    "an answer that was cut off".to_string()
                }
                Ok(answer) if answer.status().is_server_error() => answer.status().to_string(),
                Ok(answer) => return Err(error(format!("{name:?} was answered with {}", answer.status()))),
                Err(why) => why.to_string(),
            };
            if start.elapsed() > ANSWERED_WITHIN {
                return Err(error(format!("{name:?} was not answered within {ANSWERED_WITHIN:?}: {why}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Longer than the longest fault.
const ANSWERED_WITHIN: Duration = Duration::from_secs(90);
/// The publisher whose publishes are rights.
const RIGHTS: usize = 1_000;
/// The publisher of the last word in each topic.
const LAST_WORDS: usize = 1_001;

/// Where the gateway put something.
#[derive(Deserialize)]
pub(crate) struct Placed {
    pub(crate) seq: u64,
}

/// So many topics of the stand.
pub(crate) fn topics(count: usize) -> Result<Vec<Topic>, TortureError> {
    (0..count).map(|i| Topic::new(&format!("torture:t{i}")).map_err(error)).collect()
}

/// An HTTP client with deadlines.
pub(crate) fn agent() -> ureq::Agent {
    patient_agent(Duration::from_secs(5))
}

fn patient_agent(patience: Duration) -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(patience)).build().into()
}

fn output(command: &mut Command) -> Result<String, TortureError> {
    let output = command.output().map_err(error)?;
    if !output.status.success() {
        return Err(error(String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(error)
}
