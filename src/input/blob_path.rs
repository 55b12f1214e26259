//! Azure's blob paths: what a flow log's path tells of its content.
//!
//! NSG logs lie under `resourceId=/SUBSCRIPTIONS/…/NETWORKSECURITYGROUPS/NAME/y=/m=/d=/h=/m=00/
//! macAddress=…/PT1H.json`, VNet logs under `flowLogResourceID=/…`, in three spellings. `m=` comes
//! twice, month first. Only `y= m= d= h=`, `macAddress=` and the NSG's name are taken from a path.

use crate::net::Mac;

/// What a path tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlobPath {
    /// Hours since the epoch, UTC.
    pub hour: Option<i64>,
    /// The logged interface.
    pub mac: Option<Mac>,
    /// The NSG's name, in upper case.
    pub nsg: Option<String>,
}

impl BlobPath {
    /// Reads a path's components, whatever their case.
    pub fn parse<'a>(components: impl IntoIterator<Item = &'a str>) -> Self {
        let mut path = Self::default();
        let (mut year, mut month, mut day, mut hour) = (None, None, None, None);
        let mut after_groups = false;
        for component in components {
            if std::mem::take(&mut after_groups) {
                path.nsg = Some(component.to_uppercase());
            }
            after_groups = component.eq_ignore_ascii_case("networkSecurityGroups");
            let Some((key, value)) = component.split_once('=') else {
                continue;
            };
            if key.eq_ignore_ascii_case("macAddress") {
                path.mac = Mac::parse(value.as_bytes());
                continue;
            }
            let number = if value.len() <= 4 {
                value.parse::<i16>().ok()
            } else {
                None
            };
            match key {
                "y" | "Y" => year = number,
                "m" | "M" if month.is_none() => month = number,
                "d" | "D" => day = number,
                "h" | "H" => hour = number,
                _ => {}
            }
        }
        path.hour = hour_since_epoch(year, month, day, hour);
        path
    }
}

fn hour_since_epoch(
    year: Option<i16>,
    month: Option<i16>,
    day: Option<i16>,
    hour: Option<i16>,
) -> Option<i64> {
    let (month, day) = (i8::try_from(month?).ok()?, i8::try_from(day?).ok()?);
    let date = jiff::civil::Date::new(year?, month, day).ok()?;
    let hour = hour.filter(|hour| (0..24).contains(hour))?;
    let first = crate::net::Timestamp::parse(&date.to_string())?;
    Some(first.hour() + i64::from(hour))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(path: &str) -> BlobPath {
        BlobPath::parse(path.split('/'))
    }

    #[test]
    fn an_nsg_path_tells_all_three() {
        let path = parse(
            "insights-logs-networksecuritygroupflowevent/resourceId=/SUBSCRIPTIONS/0/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/nsg-Ise/y=2026/m=01/d=05/h=10/m=00/macAddress=00224812AB34/PT1H.json",
        );
        assert_eq!(
            path,
            BlobPath {
                hour: None,
                mac: Mac::parse(b"00224812AB34"),
                nsg: Some("NSG-ISE".to_owned())
            }
            .with_hour("2026-01-05T10:00:00Z")
        );
    }

    impl BlobPath {
        fn with_hour(mut self, time: &str) -> Self {
            self.hour = crate::net::Timestamp::parse(time).map(crate::net::Timestamp::hour);
            self
        }
    }

    #[test]
    fn vnet_paths_tell_hour_and_interface_in_every_spelling() {
        for start in [
            "flowLogResourceID=/00000000-0000-0000-0000-000000000000_NETWORKWATCHERRG/NETWORKWATCHER_EASTUS_FL",
            "flowLogResourceID=/SUBSCRIPTIONS/0/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/N/FLOWLOGS/F",
            "resourceId=/0_NETWORKWATCHERRG/N",
        ] {
            let path = parse(&format!(
                "{start}/y=2026/m=08/d=13/h=20/m=00/macAddress=0022486DBA37/PT1H.json"
            ));
            assert_eq!(
                path,
                BlobPath {
                    mac: Mac::parse(b"0022486DBA37"),
                    ..BlobPath::default()
                }
                .with_hour("2026-08-13T20:00:00Z"),
                "{start}"
            );
        }
    }

    #[test]
    fn what_is_no_date_tells_no_hour() {
        for path in [
            "",
            "y=2026/m=13/d=01/h=00",
            "y=2026/m=02/d=30/h=00",
            "y=2026/m=01/d=01/h=24",
            "y=2026/m=01/d=01",
            "y=99999/m=01/d=01/h=00",
        ] {
            assert_eq!(parse(path).hour, None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "([yYmMdDhH]=)?[0-9/=-]{0,12}(/[ymdh]=-?[0-9]{0,5}){0,5}") {
            let _ = parse(&path);
        }
    }
}
