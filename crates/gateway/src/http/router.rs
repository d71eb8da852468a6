//! Which request goes where.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware;
use axum::routing::{get, post, put};

use crate::http::{accounts, cors, events, history, sockets, tickets};
use crate::node::Node;
use crate::problem::Problem;
use crate::problem_code::ProblemCode;

/// Everything, for the gateway's own listener: whatever is no API is a socket path or 404.
pub(crate) fn own_router(node: Arc<Node>) -> Router {
    finish(api().fallback(sockets::open), node)
}

/// The API and the socket paths by name, without a fallback, so that it can be merged or nested into another app. The
/// path `/` stays the app's own.
pub(crate) fn embedded_router(node: Arc<Node>) -> Router {
    let mut router = api();
    let builtin =
        ["/agent", "/notifications", "/chats/{a}", "/workspaces/{a}/transcripts/{b}"].map(str::to_owned);
    let configured =
        node.config.paths.keys().filter(|path| !builtin.contains(path)).map(|path| axum_path(path));
    for path in builtin.iter().cloned().chain(configured) {
        router = router.route(&path, get(sockets::open));
    }
    finish(router, node)
}

fn api() -> Router<Arc<Node>> {
    Router::new()
        .route("/v1/tickets", post(tickets::issue))
        .route("/v1/events", post(events::publish))
        .route("/v1/topics/{topic}/events", get(history::read))
        .route("/v1/accounts/{account}/topics/{topic}", put(accounts::grant).delete(accounts::revoke))
        .route("/v1/accounts/{account}/disconnect", post(accounts::disconnect))
        .method_not_allowed_fallback(wrong_method)
}

fn finish(router: Router<Arc<Node>>, node: Arc<Node>) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::clone(&node), cors::middleware)).with_state(node)
}

async fn wrong_method(method: Method) -> Problem {
    let detail = format!("{method} is not served here; see the HTTP section of docs/protocol.md");
    Problem::new(ProblemCode::MethodNotAllowed, detail)
}

/// A configured template may name its captures as it likes; axum wants one name per place.
fn axum_path(template: &str) -> String {
    let segments = template.split('/').enumerate().map(|(at, segment)| {
        if segment.starts_with('{') { format!("{{c{at}}}") } else { segment.to_owned() }
    });
    segments.collect::<Vec<_>>().join("/")
}
