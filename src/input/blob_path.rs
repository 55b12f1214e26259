//! What the path of an Azure flow log blob tells: whose log, which hour, which interface.
//!
//! ```text
//! resourceId=/SUBSCRIPTIONS/{id}/…/NETWORKSECURITYGROUPS/{NSG}/y=2026/m=01/d=05/h=10/m=00/macAddress={MAC}/PT1H.json
//! flowLogResourceID=/{id}_NETWORKWATCHERRG/NETWORKWATCHER_{REGION}_{FLOW LOG}/y=…
//! flowLogResourceID=/SUBSCRIPTIONS/{id}/…/NETWORKWATCHERS/{watcher}/FLOWLOGS/{FLOW LOG}/y=…
//! ```
//!
//! `m=` occurs twice: the month, then the minute, always `00`. Any path with the four components
//! `y= m= d= h=` in a row tells its hour, whatever stands before.

use crate::net::{Mac, Timestamp};

/// Whose log a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The name of a network security group.
    Nsg(&'a str),
    /// The name of a flow log resource: which NSGs decided its flows stands in the records only.
    FlowLog(&'a str),
}

/// The facts in a blob's path; `None` where the path does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlobPath<'a> {
    /// Whose log it is.
    pub target: Option<Target<'a>>,
    /// Hours since the epoch, UTC.
    pub hour: Option<i64>,
    /// The logged interface.
    pub mac: Option<Mac>,
}

impl<'a> BlobPath<'a> {
    /// Reads a path, or a URL, separated by `/` or `\`. Letter case is ignored.
    pub fn parse(path: &'a str) -> Self {
        let parts: Vec<&str> = components(path);
        let date = find_date(&parts);
        let before_date = date.map_or(&parts[..], |(at, _)| &parts[..at]);
        Self {
            target: find_target(before_date),
            hour: date.map(|(_, hour)| hour),
            mac: parts
                .iter()
                .rev()
                .find_map(|part| Mac::parse(after(part, "macaddress=")?.as_bytes())),
        }
    }
}

fn components(path: &str) -> Vec<&str> {
    path.split(['/', '\\'])
        .filter(|part| !part.is_empty())
        .collect()
}

/// `part` without `prefix` (in lower case), if it starts with it in any letter case.
fn after<'a>(part: &'a str, prefix: &str) -> Option<&'a str> {
    let head = part.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| &part[prefix.len()..])
}

/// Where the last `y= m= d= h=` starts, and its hour.
fn find_date(parts: &[&str]) -> Option<(usize, i64)> {
    (0..parts.len().saturating_sub(3))
        .rev()
        .find_map(|at| Some((at, hour_of(&parts[at..at + 4])?)))
}

fn hour_of(parts: &[&str]) -> Option<i64> {
    let [year, month, day, hour] = parts else {
        return None;
    };
    let year = digits(after(year, "y=")?, 4)?;
    let month = digits(after(month, "m=")?, 2)?;
    let day = digits(after(day, "d=")?, 2)?;
    let hour = digits(after(hour, "h=")?, 2)?;
    // Judged here, because RFC 3339 parsers read hour 24 or a leap second in their own way.
    if hour > 23 {
        return None;
    }
    let midnight = Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T00:00:00Z"))?;
    Some(midnight.hour() + hour as i64)
}

/// A number of one to `most` decimal digits.
fn digits(text: &str, most: usize) -> Option<u32> {
    let decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !decimal || text.len() > most {
        return None;
    }
    text.parse().ok()
}

fn find_target<'a>(parts: &[&'a str]) -> Option<Target<'a>> {
    let named = |kind: &str| {
        parts
            .windows(2)
            .rev()
            .find(|pair| pair[0].eq_ignore_ascii_case(kind))
            .map(|pair| pair[1])
    };
    if let Some(name) = named("flowlogs") {
        return Some(Target::FlowLog(name));
    }
    if let Some(name) = named("networksecuritygroups") {
        return Some(Target::Nsg(name));
    }
    let watcher = after(parts.last()?, "networkwatcher_")?;
    let (_region, name) = watcher.split_once('_')?;
    (!name.is_empty()).then_some(Target::FlowLog(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 1_767_607_200 / 3600;
    const MAC: Mac = Mac(0x0022_4812_AB34);
    const TAIL: &str = "y=2026/m=01/d=05/h=10/m=00/macAddress=00224812AB34/PT1H.json";

    fn blob(root: &str) -> String {
        format!("{root}/{TAIL}")
    }

    #[test]
    fn an_nsg_blob_tells_its_nsg_hour_and_interface() {
        let path = blob(
            "https://acc.blob.core.windows.net/insights-logs-networksecuritygroupflowevent/resourceId=/SUBSCRIPTIONS/0-0/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/WEB-NSG",
        );
        let want = BlobPath {
            target: Some(Target::Nsg("WEB-NSG")),
            hour: Some(HOUR),
            mac: Some(MAC),
        };
        assert_eq!(BlobPath::parse(&path), want);
        let lower = path.to_lowercase();
        let lower = BlobPath::parse(&lower);
        assert_eq!((lower.hour, lower.mac), (want.hour, want.mac));
        assert_eq!(lower.target, Some(Target::Nsg("web-nsg")));
        assert_eq!(BlobPath::parse(&path.replace('/', "\\")), want);
    }

    #[test]
    fn a_vnet_blob_tells_its_flow_log_in_all_three_spellings() {
        for root in [
            "insights-logs-flowlogflowevent/flowLogResourceID=/0-0_NETWORKWATCHERRG/NETWORKWATCHER_EASTUS_MY_FLOWS",
            "flowLogResourceID=/SUBSCRIPTIONS/0-0/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_EASTUS/FLOWLOGS/MY_FLOWS",
            "resourceId=/0-0_NETWORKWATCHERRG/NETWORKWATCHER_EASTUS_MY_FLOWS",
        ] {
            let path = blob(root);
            let blob = BlobPath::parse(&path);
            assert_eq!(blob.target, Some(Target::FlowLog("MY_FLOWS")), "{root}");
            assert_eq!((blob.hour, blob.mac), (Some(HOUR), Some(MAC)), "{root}");
        }
    }

    #[test]
    fn any_path_with_a_date_tells_its_hour() {
        let blob = BlobPath::parse("copy/y=2026/m=1/d=5/h=10/flows.json.gz");
        assert_eq!((blob.target, blob.hour, blob.mac), (None, Some(HOUR), None));
        let twice = BlobPath::parse("y=2020/m=01/d=01/h=01/y=2026/m=01/d=05/h=10/m=00/x");
        assert_eq!(twice.hour, Some(HOUR));
    }

    #[test]
    fn dates_that_are_none_tell_nothing() {
        for path in [
            "",
            "/",
            "y=2026/m=13/d=05/h=10/x",
            "y=2026/m=02/d=30/h=10/x",
            "y=2026/m=01/d=05/h=24/x",
            "y=2026/m=01/d=05/x",
            "y=2026/d=05/m=01/h=10/x",
            "y=+026/m=01/d=05/h=10/x",
            "PT1H.json",
        ] {
            assert_eq!(BlobPath::parse(path), BlobPath::default(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in ".*", parts in "((y=|m=|d=|h=|macAddress=|resourceId=|é)[0-9]{0,5}/){0,9}") {
            BlobPath::parse(&path);
            BlobPath::parse(&parts);
        }
    }
}
