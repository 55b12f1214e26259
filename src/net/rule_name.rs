//! Names of rules as flow logs write them.
//!
//! NSG rules are logged as `UserRule_<name>` and `DefaultRule_<name>`, security admin rules by their bare
//! name; what the platform decides without a rule as `PlatformRule`, and what virtual network encryption
//! drops as `unspecified`. Cases differ between logs.

/// `aclID` of what the platform decided without any NSG.
pub const PLATFORM_ACL: &str = "00000000-0000-0000-0000-000000000000";

const USER: &str = "UserRule";
const DEFAULT: &str = "DefaultRule";

/// The name of a logged rule as its NSG has it; `None` where the log lost it.
pub fn bare(logged: &str) -> Option<&str> {
    let name = match logged.split_once('_') {
        Some((kind, name)) if is(kind, USER) || is(kind, DEFAULT) => name,
        _ if is(logged, USER) || is(logged, DEFAULT) => "",
        _ => logged,
    };
    (!name.is_empty()).then_some(name)
}

/// Whether it is one of the rules that every NSG has.
pub fn is_default(logged: &str) -> bool {
    let kind = logged.split_once('_').map_or(logged, |(kind, _)| kind);
    is(kind, DEFAULT)
}

/// Whether the platform decided, with no rule of an NSG.
pub fn is_platform(acl: &str, logged: &str) -> bool {
    acl == PLATFORM_ACL || leads(logged, "PlatformRule")
}

/// Whether virtual network encryption decided, with no rule at all.
pub fn is_encryption(logged: &str) -> bool {
    leads(logged, "unspecified")
}

/// What holds a rule: the last part of its resource ID, or the ID as logged.
pub fn holder(acl: &str) -> &str {
    acl.rsplit('/').next().unwrap_or(acl)
}

fn is(text: &str, word: &str) -> bool {
    text.eq_ignore_ascii_case(word)
}

fn leads(text: &str, lead: &str) -> bool {
    text.get(..lead.len()).is_some_and(|own| is(own, lead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logged_names_lose_their_first_prefix_only() {
        for (logged, name) in [
            ("UserRule_a_b", Some("a_b")),
            ("defaultrule_AllowVnetInBound", Some("AllowVnetInBound")),
            ("BlockSmb", Some("BlockSmb")),
            ("Block_Smb", Some("Block_Smb")),
            ("UserRule", None),
            ("UserRule_", None),
            ("", None),
        ] {
            assert_eq!(bare(logged), name, "{logged}");
        }
    }

    #[test]
    fn what_decided_without_a_rule_of_a_user_is_told_apart() {
        assert!(is_default("DefaultRule_DenyAllInBound") && is_default("defaultrule_x"));
        assert!(!is_default("UserRule_DefaultRule_x") && !is_default("x"));
        assert!(is_platform("", "PlatformRule") && is_platform(PLATFORM_ACL, "x"));
        assert!(!is_platform("", "UserRule_platformrule"));
        assert!(is_encryption("unspecified") && !is_encryption("UserRule_unspecified"));
    }

    #[test]
    fn the_holder_is_the_last_part_of_a_resource_id() {
        assert_eq!(holder("/x/networkSecurityGroups/nsg-a"), "nsg-a");
        assert_eq!(holder("0000-1234"), "0000-1234");
    }
}
