//! Which request goes where.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodRouter, get, post, put};

use crate::http::{accounts, cors, events, history, openapi, sockets, tickets};
use crate::node::Node;
use crate::paths;
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
    let built_in = paths::built_in().filter(|path| *path != "/").map(axum_path);
    let configured = node.config.paths.keys().map(|path| axum_path(path));
    let sockets: BTreeSet<String> = built_in.chain(configured).collect();
    // Two templates that differ in their captures' names alone are one path.
    for path in &sockets {
        router = router.route(path, get(sockets::open));
    }
    finish(router, node)
}

/// The API: each path as `openapi.yaml` writes it, and who answers there.
pub(crate) fn routes() -> [(&'static str, MethodRouter<Arc<Node>>); 6] {
    [
        ("/v1/tickets", post(tickets::issue)),
        ("/v1/events", post(events::publish)),
        ("/v1/topics/{topic}/events", get(history::read)),
        ("/v1/accounts/{account}/topics/{topic}", put(accounts::grant).delete(accounts::revoke)),
        ("/v1/accounts/{account}/disconnect", post(accounts::disconnect)),
        ("/v1/openapi.yaml", get(openapi::read)),
    ]
}

fn api() -> Router<Arc<Node>> {
    let router =
        routes().into_iter().fold(Router::new(), |router, (path, answer)| router.route(path, answer));
    router.method_not_allowed_fallback(wrong_method)
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
