//! Some rows of a profile.

use crate::net::Direction;

/// id, purpose, direction, ports, source, destination.
pub(super) type Row = (
    &'static str,
    &'static str,
    Direction,
    &'static str,
    &'static str,
    &'static str,
);

pub(super) const ROWS: [Row; 9] = {
    use Direction::{Inbound, Outbound};
    [
        (
            "event-hub-log",
            "Dependency from Log to Event Hub policy and monitoring agent",
            Outbound,
            "5672",
            "VirtualNetwork",
            "EventHub",
        ),
        (
            "apim-management",
            "API Management - management endpoint",
            Inbound,
            "3443",
            "ApiManagement",
            "VirtualNetwork",
        ),
        (
            "storage",
            "Azure Storage dependency",
            Outbound,
            "80, 443",
            "VirtualNetwork",
            "Storage",
        ),
        (
            "intersubnet",
            "Intersubnet communication",
            Inbound,
            "80, 443",
            "VirtualNetwork",
            "VirtualNetwork",
        ),
        (
            "intersubnet",
            "Intersubnet communication",
            Outbound,
            "80, 443",
            "VirtualNetwork",
            "VirtualNetwork",
        ),
        (
            "sql",
            "Azure SQL dependency",
            Outbound,
            "1433",
            "VirtualNetwork",
            "Sql",
        ),
        (
            "resource-health",
            "Azure Resource Health",
            Outbound,
            "1886",
            "VirtualNetwork",
            "Internet",
        ),
        (
            "comm-to-logic-apps",
            "Communication to Azure Logic Apps",
            Inbound,
            "443",
            "Internet",
            "VirtualNetwork",
        ),
        (
            "redis-role-instances",
            "Access Azure Cache for Redis Instances between Role Instances",
            Inbound,
            "6379-6383",
            "VirtualNetwork",
            "VirtualNetwork",
        ),
    ]
};
