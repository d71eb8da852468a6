//! Which answer a request for a WebSocket gets: on a fresh connection, and on one that has carried HTTP before.

use serde_json::{Value, json};

use crate::case::{bytes, same};
use crate::gateway::World;
use crate::wire::Wire;

/// What a `later` request follows on.
const EARLIER: &[u8] = b"GET /v1/openapi.yaml HTTP/1.1\r\nHost: test\r\n\r\n";

pub(crate) fn judge(world: &mut World, case: &Value) -> Result<(), String> {
    for way in case["ways"].as_array().expect("a list of ways") {
        let request = with_token(&bytes(&case["request"]), &world.newcomer());
        let mut wire = Wire::connect(world.addr);
        if way == "later" {
            wire.send(EARLIER);
            wire.answer()?;
        }
        wire.send(&request);
        let seen = watch(&mut wire, &case["expect"]).map_err(|why| format!("{way}: {why}"))?;
        same(&seen, &case["expect"]).map_err(|why| format!("{way}: {why}"))?;
    }
    Ok(())
}

/// The request with a good token where it asks for one.
fn with_token(request: &[u8], token: &str) -> Vec<u8> {
    const PLACE: &[u8] = b"{token}";
    let mut out = Vec::with_capacity(request.len());
    let mut rest = request;
    while let Some(at) = rest.windows(PLACE.len()).position(|window| window == PLACE) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(token.as_bytes());
        rest = &rest[at + PLACE.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// What came, as far as the case speaks of it.
fn watch(wire: &mut Wire, expected: &Value) -> Result<Value, String> {
    let answer = wire.answer()?;
    let mut seen = json!({"status": answer.status});
    if answer.status != 101 {
        if answer.status == 426 && answer.header("sec-websocket-version") != Some("13") {
            return Err("426 does not say which version is served".to_owned());
        }
        seen["code"] = answer.code().into();
        return Ok(seen);
    }
    for (member, header) in
        [("protocol", "sec-websocket-protocol"), ("extensions", "sec-websocket-extensions")]
    {
        if expected.get(member).is_some() {
            seen[member] = answer.header(header).into();
        }
    }
    let Some((1, text)) = wire.frame()? else { return Err("nothing was said on the socket".to_owned()) };
    let frame: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    seen["frame"] = frame["action"].clone();
    if frame["action"] == "connection.rejected" {
        seen["reason"] = frame["reason"].clone();
        if let Some((8, payload)) = wire.frame()? {
            seen["close"] = u16::from_be_bytes([payload[0], payload[1]]).into();
        }
    }
    if expected.get("then").is_some()
        && let Some((opcode, payload)) = wire.frame()?
    {
        let digits: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        seen["then"] = json!({"opcode": opcode, "hex": digits});
    }
    Ok(seen)
}
