//! Accounts of the gateway under test: their tokens and rights, through the command line as a user would.

use std::process::Command;

use bowline_history::Attempt;
use bowline_proto::{Account, Seq, Topic};
use serde::Deserialize;

use crate::book::Book;
use crate::gateway::{Gateway, TortureError, error};

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
    let token = token(gateway, "torture-admin", Some("publish,admin"))?;
    let agent = agent();
    for topic in topics {
        let url = format!("http://{}/v1/accounts/{account}/topics/{topic}", gateway.listen());
        let name = book.next_name(RIGHTS);
        let whose = Account::new(account).map_err(error)?;
        book.attempt(name, vec![Attempt::Grant { account: whose, topic: topic.clone() }]);
        let mut answer =
            agent.put(&url).header("authorization", format!("Bearer {token}")).send_empty().map_err(error)?;
        if !answer.status().is_success() {
            return Err(error(format!("granting {topic} to {account}: {}", answer.status())));
        }
        let text = answer.body_mut().read_to_string().map_err(error)?;
        let placed: Placed = serde_json::from_str(&text).map_err(error)?;
        book.answered(name, &[Seq::new(placed.seq).ok_or_else(|| error("the answer is no seq"))?]);
    }
    Ok(())
}

/// The publisher whose publishes are rights.
const RIGHTS: usize = 1_000;

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
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(std::time::Duration::from_secs(5)))
        .build()
        .into()
}

fn output(command: &mut Command) -> Result<String, TortureError> {
    let output = command.output().map_err(error)?;
    if !output.status.success() {
        return Err(error(String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(error)
}
