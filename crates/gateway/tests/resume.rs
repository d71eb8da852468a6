//! Cursors, as the gateway meets them.

mod support;

use std::sync::Arc;
use std::time::Duration;

use bowline_log::{Batch, Entry, LogStore, MemoryStore, NewEvent, SegmentConfig};
use bowline_proto::{Epoch, Timestamp};
use serde_json::json;
use support::http::{call, grant, publish};
use support::ws::Socket;
use support::{builder, operator, start, token};

#[tokio::test]
async fn a_client_that_was_away_gets_what_it_missed_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = builder(dir.path()).start().await.unwrap();
    grant(gateway.addr(), "alice", "conv:c1").await;
    let (mut alice, accepted) = Socket::accepted(gateway.addr(), &token("alice")).await;
    let seen = publish(gateway.addr(), "conv:c1", "1").await;
    assert_eq!(alice.event().await["seq"], seen);
    drop(alice);
    let missed = publish(gateway.addr(), "conv:c1", "2").await;
    gateway.stop().await;

    let gateway = builder(dir.path()).start().await.unwrap();
    let missed_later = publish(gateway.addr(), "conv:c1", "3").await;
    let cursor = json!({"sessionId": accepted["sessionId"], "epoch": accepted["epoch"], "seq": seen});
    let (mut alice, again) = Socket::resumed(gateway.addr(), &token("alice"), cursor).await;
    assert_eq!(again["action"], "connection.accepted", "{again}");
    assert_eq!((&again["resumed"], &again["epoch"]), (&json!(true), &accepted["epoch"]));
    assert!(again.get("gaps").is_none_or(|gaps| gaps == &json!([])), "{again}");
    for expected in [missed, missed_later] {
        assert_eq!(alice.event().await["seq"], expected);
    }
    let live = publish(gateway.addr(), "conv:c1", "4").await;
    assert_eq!(alice.event().await["seq"], live);
}

#[tokio::test]
async fn seq_zero_means_from_the_oldest_retained_event() {
    let (gateway, _dir) = start().await;
    let first = publish(gateway.addr(), "user:alice", "1").await;
    let second = publish(gateway.addr(), "user:alice", "2").await;
    let (mut alice, accepted) = Socket::resumed(gateway.addr(), &token("alice"), json!({"seq": 0})).await;
    assert_eq!(accepted["action"], "connection.accepted");
    assert_eq!(alice.event().await["seq"], first);
    assert_eq!(alice.event().await["seq"], second);
}

#[tokio::test]
async fn a_cursor_of_the_future_or_of_another_epoch_is_told_its_gaps_and_goes_on() {
    let (gateway, _dir) = start().await;
    publish(gateway.addr(), "user:alice", "1").await;
    let (_, fresh) = Socket::accepted(gateway.addr(), &token("bob")).await;
    for cursor in
        [json!({"epoch": fresh["epoch"], "seq": 1_000_000}), json!({"epoch": "00000000000000aa", "seq": 5})]
    {
        let (mut alice, accepted) = Socket::resumed(gateway.addr(), &token("alice"), cursor.clone()).await;
        assert_eq!(accepted["action"], "connection.accepted", "{cursor}: {accepted}");
        let gaps = accepted["gaps"].as_array().unwrap_or_else(|| panic!("{cursor}: {accepted}"));
        assert!(
            gaps.iter().any(|gap| gap["topic"] == "user:alice" && gap["reason"] == "epoch"),
            "{accepted}"
        );
        let live = publish(gateway.addr(), "user:alice", "2").await;
        loop {
            if alice.event().await["seq"] == live {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_older_than_retention_is_told_which_topic_lost_what() {
    let day = SegmentConfig::default().retain_age(Some(Duration::from_secs(24 * 3600)));
    let store = MemoryStore::new(Epoch::from_bits(0xAB), day);
    for name in ["user:alice", "user:bob", "user:alice"] {
        let event = NewEvent {
            topic: support::topic(name),
            kind: "x".into(),
            payload: "1".into(),
            timestamp: Timestamp(0),
        };
        let batch = Batch { entries: vec![Entry::Event(event)], key: None };
        store.append(&[batch], Timestamp(0)).unwrap();
        store.commit().unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    let gateway = builder(dir.path()).store(Arc::new(store)).start().await.unwrap();
    let operator = operator();
    let oldest = async || {
        let answer = call(gateway.addr(), &operator, "GET", "/v1/topics/user:alice/events", "").await;
        answer.json()["oldest"].as_u64().unwrap()
    };
    while oldest().await == 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cursor = json!({"epoch": "00000000000000ab", "seq": 1});
    let (mut alice, accepted) = Socket::resumed(gateway.addr(), &token("alice"), cursor).await;
    assert_eq!(accepted["resumed"], true, "{accepted}");
    let gaps = accepted["gaps"].as_array().unwrap();
    assert_eq!(gaps.len(), 1, "bob's topic is not alice's: {accepted}");
    assert_eq!((&gaps[0]["topic"], &gaps[0]["reason"]), (&json!("user:alice"), &json!("retention")));
    let live = publish(gateway.addr(), "user:alice", "2").await;
    assert_eq!(alice.event().await["seq"], live);
}

#[tokio::test]
async fn somebody_elses_session_proves_nothing() {
    let (gateway, _dir) = start().await;
    let (mut alice, accepted) = Socket::accepted(gateway.addr(), &token("alice")).await;
    let cursor =
        json!({"sessionId": accepted["sessionId"], "epoch": accepted["epoch"], "seq": accepted["seq"]});
    let (_mallory, other) = Socket::resumed(gateway.addr(), &token("mallory"), cursor).await;
    assert_eq!(other["action"], "connection.accepted");
    assert_ne!(other["sessionId"], accepted["sessionId"]);
    alice.send(&json!({"action": "ping"})).await;
    assert_eq!(alice.json().await["action"], "pong", "alice's socket is not evicted");
}

#[tokio::test]
async fn history_over_http_tells_a_client_what_it_needs_after_a_gap() {
    let (gateway, _dir) = start().await;
    let addr = gateway.addr();
    let seqs = [publish(addr, "conv:c1", "1").await, publish(addr, "conv:c1", "2").await];
    publish(addr, "conv:other", "9").await;
    let path = "/v1/topics/conv:c1/events";
    let forbidden = call(addr, &token("alice"), "GET", path, "").await;
    assert_eq!((forbidden.status, forbidden.code().as_str()), (403, "forbidden"));
    let all = call(addr, &operator(), "GET", path, "").await.json();
    assert_eq!(all["events"].as_array().unwrap().len(), 2);
    assert_eq!(all["events"][1]["payload"], 2);
    assert_eq!((&all["oldest"], &all["head"]), (&json!(1), &json!(3)));
    assert!(all.get("next").is_none(), "{all}");
    let page = call(addr, &operator(), "GET", &format!("{path}?limit=1"), "").await.json();
    assert_eq!((&page["events"][0]["seq"], &page["next"]), (&json!(seqs[0]), &json!(seqs[0])));
    let rest = call(addr, &operator(), "GET", &format!("{path}?after={}", seqs[0]), "").await.json();
    assert_eq!(rest["events"][0]["seq"], seqs[1]);
    let before = call(addr, &operator(), "GET", &format!("{path}?before={}", seqs[1]), "").await.json();
    assert_eq!(before["events"].as_array().unwrap().len(), 1);
    grant(addr, "alice", "conv:c1").await;
    let later = publish(addr, "conv:c1", "3").await;
    let granted = call(addr, &token("alice"), "GET", path, "").await.json();
    assert_eq!(granted["events"][0]["seq"], later, "what came before the grant stays closed");
    let bad = call(addr, &operator(), "GET", "/v1/topics/conv_ondemand:c1/events", "").await;
    assert_eq!((bad.status, bad.code().as_str()), (400, "on_demand_topic"));
    let bad = call(addr, &operator(), "GET", &format!("{path}?after=minus"), "").await;
    assert_eq!((bad.status, bad.code().as_str()), (400, "bad_query"));
}
