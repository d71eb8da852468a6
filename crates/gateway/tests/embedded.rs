//! Inside somebody else's axum app.

mod support;

use axum::routing::get;
use bowline_gateway::Gateway;
use serde_json::json;
use support::http::{publish, request};
use support::ws::{End, Socket, bearer};
use support::{config, token};

#[tokio::test]
async fn a_merged_router_serves_sockets_and_the_api_beside_the_apps_own_routes() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::builder().config(config(dir.path())).admin(None).embedded().start().await.unwrap();
    let app = axum::Router::new().route("/", get(|| async { "mine" })).merge(gateway.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    assert_eq!(request(addr, "GET", "/", &[], "").await.body, "mine");
    // Accounts of both shards.
    for name in ["a", "b", "c", "d", "e", "f"] {
        let (mut socket, _) = Socket::accepted(addr, &token(name)).await;
        let seq = publish(addr, &format!("user:{name}"), "1").await;
        assert_eq!(socket.event().await["seq"], seq);
        socket.send(&json!({"action": "ping"})).await;
        assert_eq!(socket.json().await["action"], "pong");
    }
    let mut stranger = Socket::open(addr, "/agent", &[]).await;
    assert_eq!(stranger.json().await["reason"], "UNAUTHORIZED");
    assert_eq!(stranger.end().await, End::Closed(4501));
    let plain = request(addr, "GET", "/agent", &[&bearer(&token("a"))], "").await;
    assert_eq!((plain.status, plain.code().as_str()), (426, "upgrade_required"));
    serving.abort();
    gateway.stop().await;
}

#[tokio::test]
async fn a_nested_router_serves_under_its_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::builder().config(config(dir.path())).admin(None).embedded().start().await.unwrap();
    let app = axum::Router::new().nest("/realtime", gateway.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut socket = Socket::open(addr, "/realtime/agent", &[&bearer(&token("alice"))]).await;
    assert_eq!(socket.json().await["action"], "connection.accepted");
    serving.abort();
}
