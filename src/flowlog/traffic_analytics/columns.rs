//! The columns of both tables, by name. An export is never read by position.

use std::ops::Range;

/// A fact that a row states, whatever its column is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    SubType,
    Generated,
    IntervalStart,
    Start,
    End,
    Source,
    Destination,
    VirtualMachine,
    SourcePublic,
    DestinationPublic,
    Public,
    Port,
    Protocol,
    Direction,
    Status,
    Acl,
    Rule,
    Rules,
    Mac,
    Target,
    AllowedIn,
    DeniedIn,
    AllowedOut,
    DeniedOut,
    Flows,
    PacketsForward,
    PacketsReverse,
    BytesForward,
    BytesReverse,
}

/// How many fields there are.
const COUNT: usize = Field::BytesReverse as usize + 1;

/// The names of each field, the one to prefer first: today's table, then the older one.
const NAMES: [(Field, &[&str]); COUNT] = [
    (Field::SubType, &["SubType", "SubType_s"]),
    (Field::Generated, &["TimeGenerated"]),
    (
        Field::IntervalStart,
        &["FlowIntervalStartTime", "FlowIntervalStartTime_t"],
    ),
    (Field::Start, &["FlowStartTime", "FlowStartTime_t"]),
    (Field::End, &["FlowEndTime", "FlowEndTime_t"]),
    (Field::Source, &["SrcIp", "SrcIP_s"]),
    (Field::Destination, &["DestIp", "DestIP_s"]),
    (Field::VirtualMachine, &["VMIP_s"]),
    (Field::SourcePublic, &["SrcPublicIps", "SrcPublicIPs_s"]),
    (
        Field::DestinationPublic,
        &["DestPublicIps", "DestPublicIPs_s"],
    ),
    (Field::Public, &["PublicIPs_s"]),
    (Field::Port, &["DestPort", "DestPort_d"]),
    (Field::Protocol, &["L4Protocol", "L4Protocol_s"]),
    (Field::Direction, &["FlowDirection", "FlowDirection_s"]),
    (Field::Status, &["FlowStatus", "FlowStatus_s"]),
    (Field::Acl, &["AclGroup", "NsgList", "NSGList_s"]),
    (Field::Rule, &["AclRule", "NsgRule", "NSGRule_s"]),
    (Field::Rules, &["NSGRules_s"]),
    (Field::Mac, &["MacAddress", "MacAddress_s"]),
    (Field::Target, &["TargetResourceId", "TargetResourceId_s"]),
    (Field::AllowedIn, &["AllowedInFlows", "AllowedInFlows_d"]),
    (Field::DeniedIn, &["DeniedInFlows", "DeniedInFlows_d"]),
    (Field::AllowedOut, &["AllowedOutFlows", "AllowedOutFlows_d"]),
    (Field::DeniedOut, &["DeniedOutFlows", "DeniedOutFlows_d"]),
    (Field::Flows, &["FlowCount", "FlowCount_d"]),
    (
        Field::PacketsForward,
        &[
            "PacketsSrcToDest",
            "PacketsSrcToDest_d",
            "OutboundPackets_d",
        ],
    ),
    (
        Field::PacketsReverse,
        &["PacketsDestToSrc", "PacketsDestToSrc_d", "InboundPackets_d"],
    ),
    (
        Field::BytesForward,
        &["BytesSrcToDest", "BytesSrcToDest_d", "OutboundBytes_d"],
    ),
    (
        Field::BytesReverse,
        &["BytesDestToSrc", "BytesDestToSrc_d", "InboundBytes_d"],
    ),
];

/// Fields without which no row can be read.
const REQUIRED: [Field; 4] = [
    Field::Direction,
    Field::Status,
    Field::Port,
    Field::Protocol,
];

impl Field {
    /// The name that reports print: today's, or the only one.
    pub(super) fn name(self) -> &'static str {
        NAMES[self as usize].1[0]
    }
}

/// What a column is for: its field, and how much its name is preferred (0 most).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    field: Field,
    preference: u8,
}

impl Slot {
    /// Whether no row can be read without it.
    pub(super) fn is_required(self) -> bool {
        REQUIRED.contains(&self.field)
    }
}

/// The slot of a column, in any case, with or without the portal's ` [UTC]`.
pub(super) fn slot(name: &str) -> Option<Slot> {
    let name = name.trim();
    let name = match name.split_once(" [") {
        Some((bare, zone)) if zone.ends_with(']') => bare,
        _ => name,
    };
    NAMES.iter().find_map(|&(field, names)| {
        let preference = names
            .iter()
            .position(|known| known.eq_ignore_ascii_case(name))?;
        Some(Slot {
            field,
            preference: preference as u8,
        })
    })
}

/// What the columns of a table are for, in their order.
#[derive(Debug, Default)]
pub(super) struct Columns {
    slots: Vec<Option<Slot>>,
}

impl Columns {
    /// Looks the names of a table's columns up.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self {
            slots: names.map(slot).collect(),
        }
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What the column at `index` is for.
    pub(super) fn get(&self, index: usize) -> Option<Slot> {
        *self.slots.get(index)?
    }

    /// The first column for `field`.
    pub(super) fn place(&self, field: Field) -> Option<usize> {
        let mut slots = self.slots.iter();
        slots.position(|slot| slot.is_some_and(|slot| slot.field == field))
    }

    /// The first field that rows need and no column gives.
    pub(super) fn missing(&self) -> Option<Field> {
        REQUIRED
            .into_iter()
            .find(|&field| self.slots.iter().flatten().all(|slot| slot.field != field))
    }
}

/// The texts of one row's fields. Reused from row to row.
#[derive(Debug, Default)]
pub(super) struct Cells {
    text: String,
    places: [Place; COUNT],
}

#[derive(Debug, Clone, Default)]
struct Place {
    range: Range<usize>,
    preference: u8,
}

impl Cells {
    /// Empties the row.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.places = Default::default();
    }

    /// Sets a field, unless `text` is blank or a preferred column has set it.
    pub(super) fn set(&mut self, slot: Slot, text: &str) {
        let text = text.trim();
        let place = &mut self.places[slot.field as usize];
        if text.is_empty() || !place.range.is_empty() && place.preference <= slot.preference {
            return;
        }
        let start = self.text.len();
        self.text.push_str(text);
        *place = Place {
            range: start..self.text.len(),
            preference: slot.preference,
        };
    }

    /// The text of a field, trimmed; empty where there is none.
    pub(super) fn get(&self, field: Field) -> &str {
        &self.text[self.places[field as usize].range.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_names_is_in_the_order_of_the_fields() {
        for (index, (field, _)) in NAMES.iter().enumerate() {
            assert_eq!(*field as usize, index);
        }
    }

    #[test]
    fn names_are_found_in_any_case_and_with_a_zone() {
        let found = |name| slot(name).map(|slot| (slot.field, slot.preference));
        assert_eq!(found("TimeGenerated [UTC]"), Some((Field::Generated, 0)));
        assert_eq!(
            found("FLOWSTARTTIME_T [Local Time]"),
            Some((Field::Start, 1))
        );
        assert_eq!(found("MACAddress"), Some((Field::Mac, 0)));
        assert_eq!(found("CompletedFlows"), None);
    }

    #[test]
    fn the_preferred_column_that_is_not_blank_wins_in_any_order() {
        let (new, old) = (slot("AclRule").unwrap(), slot("NsgRule").unwrap());
        for order in [[(new, "a"), (old, "b")], [(old, "b"), (new, "a")]] {
            let mut cells = Cells::default();
            for (slot, text) in order {
                cells.set(slot, text);
            }
            assert_eq!(cells.get(Field::Rule), "a");
        }
        let mut cells = Cells::default();
        cells.set(old, "b");
        cells.set(new, " ");
        assert_eq!(cells.get(Field::Rule), "b");
    }
}
