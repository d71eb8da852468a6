//! The `Authorization` header: `Bearer` carries an access token, `Ticket` a ticket.

/// What the header carries under `scheme`, whose case does not matter (RFC 9110, section 11.1).
pub(crate) fn carried<'a>(header: &'a str, scheme: &str) -> Option<&'a str> {
    let (named, credential) = header.trim_ascii().split_once(' ')?;
    named.eq_ignore_ascii_case(scheme).then(|| credential.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_found_in_any_case_and_no_other_is_taken_for_it() {
        for (header, scheme, expected) in [
            ("Bearer a.b.c", "bearer", Some("a.b.c")),
            (" bEARER   a.b.c ", "bearer", Some("a.b.c")),
            ("Ticket t", "ticket", Some("t")),
            ("Ticket t", "bearer", None),
            ("Bearer", "bearer", None),
            ("Bearera b", "bearer", None),
        ] {
            assert_eq!(carried(header, scheme), expected, "{header}");
        }
    }
}
