//! Words that depend on a number.

use std::fmt::Display;

/// So many: `1 lease has`, `2 leases have`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(
    n: N,
    one: &str,
    more: &str,
) -> String {
    format!("{n} {}", if n == N::from(1) { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(1_u32, "lease", "leases"), "1 lease");
        assert_eq!(counted(0_u32, "lease", "leases"), "0 leases");
        assert_eq!(counted(2_usize, "lease has", "leases have"), "2 leases have");
    }
}
