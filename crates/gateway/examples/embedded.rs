//! A gateway inside somebody's own axum app: one port, the app's routes beside the gateway's.
//!
//! `cargo run -p bowline-gateway --example embedded`, then connect a client with the printed token to
//! `ws://127.0.0.1:3000/agent`. The app publishes in-process; clients may use the HTTP API as well.

use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::routing::{get, post};
use bowline_gateway::auth::{NewToken, TokenSigner};
use bowline_gateway::config::{Config, KeySource, Secret, TokenKey};
use bowline_gateway::{Gateway, NewEvent};
use bowline_proto::{Account, Timestamp, Topic};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = Secret::new("replace me: a secret of at least 32 bytes");
    let mut config = Config { admin: None, data_dir: "embedded-data".into(), ..Config::default() };
    config.auth.key = Some(TokenKey::Hs256(KeySource::Inline(secret.clone())));
    let gateway = Arc::new(Gateway::builder().config(config).embedded().start().await?);

    let alice = NewToken::new(Account::new("alice")?);
    println!("token of alice: {}", TokenSigner::new(secret).mint(&alice));

    let app = axum::Router::new()
        .route("/", get(|| async { "the app's own page\n" }))
        .route("/greet/{account}", post(greet))
        .with_state(Arc::clone(&gateway))
        .merge(gateway.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app).await?;
    Ok(())
}

async fn greet(State(gateway): State<Arc<Gateway>>, Path(account): Path<String>) -> String {
    let Ok(account) = Account::new(&account) else { return "no such account\n".into() };
    let event = NewEvent {
        topic: Topic::inbox(&account),
        kind: "greeting".into(),
        payload: r#"{"text":"hello"}"#.into(),
        timestamp: now(),
    };
    match gateway.publish(vec![event], None).await {
        Ok(published) => format!("published at {:?}\n", published.seqs),
        Err(error) => format!("{error}\n"),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or_default())
}
