//! Keys about which a run or an observation may tell: those below a prefix.

/// Keys whose names begin with a prefix.
#[derive(Debug, Clone)]
pub(crate) struct KeyScope {
    prefix: String,
    /// True if the keys are the run's own, so that their names hold nobody's secret.
    is_own: bool,
}

impl KeyScope {
    /// Creates the scope of a run's own keys.
    pub(crate) fn own(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            is_own: true,
        }
    }

    /// Creates the scope of somebody else's keys.
    pub(crate) fn of_others(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            is_own: false,
        }
    }

    /// Returns true if the key `name` is one of them.
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        name.starts_with(self.prefix.as_bytes())
    }

    /// Returns the pattern that matches these keys alone.
    pub(super) fn pattern(&self) -> String {
        let mut pattern = String::new();
        for letter in self.prefix.chars() {
            if matches!(letter, '*' | '?' | '[' | ']' | '^' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern + "*"
    }

    /// Returns the name of a key as it may be shown. Of others' keys what follows the prefix is masked,
    /// because it may be a session's identifier or a person's name.
    pub(super) fn shown(&self, name: &[u8]) -> String {
        if self.is_own {
            return String::from_utf8_lossy(name).into_owned();
        }
        let is_longer = name.len() > self.prefix.len();
        format!("{}{}", self.prefix, if is_longer { "***" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_are_shown_and_those_of_others_are_masked_after_the_prefix() {
        let own = KeyScope::own("plimsoll:x:");
        assert_eq!(own.shown(b"plimsoll:x:a91"), "plimsoll:x:a91");
        let others = KeyScope::of_others("user:");
        assert_eq!(others.shown(b"user:alice"), "user:***");
        assert_eq!(others.shown(b"user:"), "user:");
    }

    #[test]
    fn the_pattern_of_a_prefix_matches_nothing_else() {
        assert_eq!(KeyScope::own("a*[b]?:").pattern(), "a\\*\\[b\\]\\?:*");
        assert!(KeyScope::own("a*").contains(b"a*b") && !KeyScope::own("a*").contains(b"ab"));
    }
}
