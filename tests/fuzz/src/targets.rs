//! Which targets there are.

/// What is asserted of any bytes: panics where it does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("client_core_steps", crate::client_core_steps),
    ("client_frames", crate::client_frames),
    ("client_handshake", crate::client_handshake),
    ("client_socket", crate::client_socket),
    ("gateway_core_steps", crate::gateway_core_steps),
    ("gateway_frames", crate::gateway_frames),
    ("gateway_handshake", crate::gateway_handshake),
    ("http_publish", crate::http_publish),
    ("log_recovery", crate::log_recovery),
    ("log_steps", crate::log_steps),
    ("server_frames", crate::server_frames),
    ("tickets", crate::tickets),
    ("tokens", crate::tokens),
    ("topics", crate::topics),
];
