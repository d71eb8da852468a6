//! Grants, revocations and disconnects: what an operator decides about an account.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use bowline_log::Entry;
use bowline_proto::typed::Object;
use bowline_proto::{Account, Topic};
use serde::Deserialize;
use tracing::info;

use crate::http::bearer::Admin;
use crate::http::body;
use crate::http::events::Answer;
use crate::http::url_path::UrlPath;
use crate::node::Node;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;
use crate::publish::{self, Published};

/// A reason is short.
const MAX_BODY: usize = 8 * 1024;

/// For the log of the gateway; clients see the close code only.
#[derive(Debug, Default, Deserialize)]
struct DisconnectRequest {
    #[serde(default)]
    reason: String,
}

pub(crate) async fn grant(
    State(node): State<Arc<Node>>,
    _admin: Admin,
    UrlPath((account, topic)): UrlPath<(String, String)>,
) -> Result<Json<Answer>, Problem> {
    let (account, topic) = (parse_account(&account)?, parse_granted(&topic)?);
    change(&node, Entry::Grant { account, topic }).await
}

pub(crate) async fn revoke(
    State(node): State<Arc<Node>>,
    _admin: Admin,
    UrlPath((account, topic)): UrlPath<(String, String)>,
) -> Result<Json<Answer>, Problem> {
    let (account, topic) = (parse_account(&account)?, parse_granted(&topic)?);
    change(&node, Entry::Revoke { account, topic }).await
}

pub(crate) async fn disconnect(
    State(node): State<Arc<Node>>,
    _admin: Admin,
    UrlPath(account): UrlPath<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let account = parse_account(&account)?;
    let body = body::read(body, MAX_BODY).await?;
    let Object(request) = if body.is_empty() {
        Object(DisconnectRequest::default())
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            Problem::new(ProblemCode::BadJson, format!("send {{\"reason\":\"…\"}}: {error}"))
        })?
    };
    info!(%account, reason = request.reason, "disconnected by the operator");
    node.disconnect(account);
    Ok(StatusCode::NO_CONTENT)
}

async fn change(node: &Node, entry: Entry) -> Result<Json<Answer>, Problem> {
    let Published { epoch, seqs } = publish::append(node, vec![entry], None).await?;
    Ok(Json(Answer::new(epoch, seqs)))
}

fn parse_account(text: &str) -> Result<Account, Problem> {
    Account::new(text).map_err(|why| Problem::new(ProblemCode::InvalidAccount, why.to_string()))
}

fn parse_granted(text: &str) -> Result<Topic, Problem> {
    let topic = Topic::new(text).map_err(|why| Problem::invalid_topic(text, why))?;
    if topic.is_on_demand() {
        let detail = "on-demand topics follow the conversation: grant `conv:…` instead";
        return Err(Problem::new(ProblemCode::OnDemandTopic, detail));
    }
    Ok(topic)
}
