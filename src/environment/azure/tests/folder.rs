use std::fs;

use super::*;

fn nsg(id: &str, port: &str) -> Value {
    json!({"id": id, "name": "a", "securityRules": [{
        "name": "r", "access": "Allow", "direction": "Inbound", "priority": 100, "protocol": "Tcp",
        "sourceAddressPrefix": "*", "sourcePortRange": "*",
        "destinationAddressPrefix": "*", "destinationPortRange": port,
    }]})
}

fn folder(files: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }
    folder
}

#[test]
fn the_later_of_two_that_differ_is_taken() {
    let folder = folder(&[
        ("2/b.json", nsg("/S/A", "443")),
        ("1.json", nsg("/s/a", "80")),
        ("3.json", nsg("/s/b", "443")),
        ("4.json", nsg("/s/b", "443")),
    ]);
    let azure = read_folder(folder.path()).unwrap();
    assert_eq!(azure.nsgs.len(), 2);
    assert_eq!(azure.nsgs[0].rules[0].destination.ports.to_string(), "443");
    assert_eq!(azure.remarks.len(), 1, "{:?}", azure.remarks);
    assert!(azure.remarks[0].file.ends_with("1.json"));
    assert!(
        azure.remarks[0].detail.contains("b.json"),
        "{}",
        azure.remarks[0].detail
    );
}

#[test]
fn every_file_is_read_or_named() {
    let folder = folder(&[
        (
            "a.json",
            json!([nsg("/s/a", "443"), {"name": "v", "addressSpace": {}}]),
        ),
        ("b.json", json!({"records": []})),
        ("c.json", json!([])),
        ("notes.txt", json!("not looked at")),
    ]);
    fs::write(folder.path().join("d.JSON"), "{\"name\": ").unwrap();
    let azure = read_folder(folder.path()).unwrap();
    assert_eq!((azure.nsgs.len(), azure.networks.len()), (1, 1));
    let files = |list: &[DocumentFault]| -> Vec<String> {
        let names = list
            .iter()
            .map(|one| one.file.rsplit('/').next().unwrap().to_owned());
        names.collect()
    };
    assert_eq!(files(&azure.remarks), ["b.json", "c.json"]);
    assert_eq!(files(&azure.faults), ["d.JSON"]);
    assert!(read_folder(&folder.path().join("none")).is_err());
    assert_eq!(
        read_folder(&folder.path().join("a.json"))
            .unwrap()
            .nsgs
            .len(),
        1
    );
}

#[test]
fn what_azure_printed_stands_over_a_template_and_over_parts() {
    let mut template = nsg("", "80");
    template["id"] = Value::Null;
    template["type"] = json!("Microsoft.Network/networkSecurityGroups");
    let id = format!("{GROUP}/networkSecurityGroups/a");
    let mut rule = nsg("", "22")["securityRules"][0].clone();
    rule["id"] = json!(format!("{id}/securityRules/r"));
    let folder = folder(&[
        ("a.json", nsg(&id, "443")),
        ("b.json", json!({"resources": [template]})),
        ("c.json", json!([rule])),
    ]);
    let azure = read_folder(folder.path()).unwrap();
    assert_eq!(azure.nsgs.len(), 1);
    assert_eq!(azure.nsgs[0].rules[0].destination.ports.to_string(), "443");
    let left: Vec<_> = azure
        .remarks
        .iter()
        .filter(|one| one.detail.contains("left out"))
        .collect();
    assert_eq!(left.len(), 2, "{:?}", azure.remarks);
}
