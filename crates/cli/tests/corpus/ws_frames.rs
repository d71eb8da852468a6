//! What comes back on an accepted socket, in which order, and how it ends: however the bytes are cut on their way.

use serde_json::{Value, json};

use crate::case::{bytes, same};
use crate::gateway::World;
use crate::wire::Wire;

/// Longer ones are sent at once only.
const SLICED: usize = 300;

/// A ping of our own behind the case's bytes: when it is answered, everything before it has been.
const FENCE: &[u8] = b"\x89\x85\0\0\0\0fence";
/// An answer to the gateway's close frame.
const CLOSE: &[u8] = b"\x88\x80\0\0\0\0";

pub(crate) fn judge(world: &mut World, case: &Value) -> Result<(), String> {
    let send = bytes(&case["send"]);
    let expected = json!({"effects": case["effects"], "close": case["close"]});
    let seen = watch(world, case, |wire| wire.send(&send))?;
    same(&seen, &expected)?;
    if send.len() <= SLICED {
        let seen = watch(world, case, |wire| wire.send_in_single_bytes(&send))?;
        same(&seen, &expected).map_err(|why| format!("in single bytes: {why}"))?;
    }
    Ok(())
}

fn watch(world: &mut World, case: &Value, send: impl FnOnce(&mut Wire)) -> Result<Value, String> {
    let token = world.newcomer();
    let mut wire = Wire::accepted(world.addr, &token)?;
    send(&mut wire);
    let is_fenced = case["close"].is_null();
    if is_fenced {
        wire.send(FENCE);
    }
    let expected = case["effects"].as_array().expect("a list of effects");
    let mut effects = Vec::new();
    loop {
        match wire.frame()? {
            Some((10, payload)) if is_fenced && payload == b"fence" => {
                return Ok(json!({"effects": effects, "close": null}));
            }
            Some((10, payload)) => {
                let digits: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
                effects.push(json!({ "pong": digits }));
            }
            Some((1, text)) => {
                let frame: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
                effects.push(told(&frame, expected.get(effects.len())));
            }
            Some((8, payload)) => {
                wire.send(CLOSE);
                wire.end();
                if let Some(more) = wire.frame()? {
                    return Err(format!("a frame behind the close frame: {more:?}"));
                }
                return Ok(json!({"effects": effects, "close": closed(&payload)?}));
            }
            Some((opcode, _)) => return Err(format!("a frame of opcode {opcode}")),
            None => return Ok(json!({"effects": effects, "close": "cut without a close frame"})),
        }
    }
}

/// Of a frame the members that the expected one has.
fn told(frame: &Value, expected: Option<&Value>) -> Value {
    let Some(expected) = expected.and_then(|effect| effect["frame"].as_object()) else {
        return json!({ "frame": frame });
    };
    let members: serde_json::Map<String, Value> =
        expected.keys().map(|name| (name.clone(), frame[name].clone())).collect();
    json!({ "frame": members })
}

fn closed(payload: &[u8]) -> Result<Value, String> {
    match payload {
        [] => Ok(json!({"code": null, "reason": ""})),
        [high, low, reason @ ..] => {
            let reason = core::str::from_utf8(reason).map_err(|error| error.to_string())?;
            Ok(json!({"code": u16::from_be_bytes([*high, *low]), "reason": reason}))
        }
        [_] => Err("a close frame of one byte".to_owned()),
    }
}
