//! Documents of a small network as `az` prints them: virtual network 10.0.0.0/16 with subnet `app`,
//! 10.0.1.0/24, and what a test adds.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Bench;

/// Where the resources are.
const PROVIDER: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network";

/// The ID of a resource.
pub fn id(path: &str) -> String {
    format!("{PROVIDER}/{path}")
}

/// A rule of an NSG, inbound, of all protocols and source ports, from `source` to everything.
pub fn rule(name: &str, priority: u32, access: &str, source: &str, port: &str) -> Value {
    json!({
        "name": name, "priority": priority, "access": access, "direction": "Inbound",
        "protocol": "*", "sourceAddressPrefix": source, "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": port,
    })
}

/// `value` with some fields otherwise.
pub fn with(mut value: Value, fields: &Value) -> Value {
    for (key, field) in fields.as_object().expect("fields") {
        value[key] = field.clone();
    }
    value
}

/// An NSG.
pub fn nsg(name: &str, rules: &[Value]) -> Value {
    json!({"id": id(&format!("networkSecurityGroups/{name}")), "name": name, "securityRules": rules})
}

/// A virtual network with the subnet `app`, which has the NSG, if one is named.
pub fn network(name: &str, space: &str, subnet: &str, nsg: Option<&str>) -> Value {
    let network = id(&format!("virtualNetworks/{name}"));
    let nsg = nsg.map(|nsg| json!({"id": id(&format!("networkSecurityGroups/{nsg}"))}));
    json!({
        "id": network, "name": name, "addressSpace": {"addressPrefixes": [space]},
        "subnets": [{
            "id": format!("{network}/subnets/app"), "name": "app", "addressPrefix": subnet,
            "networkSecurityGroup": nsg,
        }],
    })
}

/// An interface at an address of the subnet `app` of `vnet`, with an NSG of its own, if one is named.
pub fn interface(name: &str, address: &str, nsg: Option<&str>) -> Value {
    let nsg = nsg.map(|nsg| json!({"id": id(&format!("networkSecurityGroups/{nsg}"))}));
    json!({
        "id": id(&format!("networkInterfaces/{name}")), "name": name, "macAddress": null,
        "networkSecurityGroup": nsg,
        "ipConfigurations": [{
            "name": "one", "privateIPAddress": address,
            "subnet": {"id": id("virtualNetworks/vnet/subnets/app")},
        }],
    })
}

/// A folder of documents, each a file.
pub struct Folder {
    pub bench: Bench,
}

impl Folder {
    /// The network `vnet` with the NSG `nsg` of these rules on its subnet.
    pub fn of_rules(rules: &[Value]) -> Self {
        Self::new(&[
            (
                "vnet",
                network("vnet", "10.0.0.0/16", "10.0.1.0/24", Some("nsg")),
            ),
            ("nsgs", json!([nsg("nsg", rules)])),
        ])
    }

    /// These documents.
    pub fn new(documents: &[(&str, Value)]) -> Self {
        let bench = Bench::new();
        let folder = Self { bench };
        for (name, document) in documents {
            folder.add(name, document);
        }
        folder
    }

    /// Adds a document.
    pub fn add(&self, name: &str, document: &Value) -> PathBuf {
        let file = format!("azure/{name}.json");
        self.bench.write(file, document.to_string())
    }

    /// What `test` says of a packet, in one line, spaces as one.
    #[track_caller]
    pub fn told(&self, packet: &str) -> String {
        let ran = self.bench.run(["test", "--azure", "azure", packet]);
        ran.expect(0)
            .stdout
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The answer to a packet.
    #[track_caller]
    pub fn answer(&self, packet: &str) -> String {
        let ran = self
            .bench
            .run(["test", "--short", "--azure", "azure", packet]);
        let told = ran.expect(0).stdout;
        let answer = told.trim_end().rsplit(": ").next().unwrap_or_default();
        answer.to_owned()
    }

    /// What is said of the documents: faults and notes.
    #[track_caller]
    pub fn said(&self) -> String {
        let packet = "inbound tcp 192.0.2.1:40000 -> 10.0.1.4:22";
        let ran = self
            .bench
            .run(["test", "--short", "--azure", "azure", packet]);
        ran.expect(0).stderr
    }
}
