//! A fix as a template for Azure Resource Manager.

use serde_json::{Map, Value, json};

use super::fields::{Fields, Place};
use super::{API, by_group, proof};
use crate::fix::{Fix, Kind, NsgChange};
use crate::report::json::document;

const SCHEMA: &str =
    "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";
const RULE: &str = "Microsoft.Network/networkSecurityGroups/securityRules";

/// The template, to be deployed to the resource group of the NSGs; where they are in several, it has a
/// deployment for each.
pub fn render(fix: &Fix) -> String {
    let groups = by_group(fix);
    let inner: Vec<Vec<Value>> = groups
        .iter()
        .map(|(_, changes)| {
            changes
                .iter()
                .flat_map(|change| resources(fix, change))
                .collect()
        })
        .collect();
    let resources = match &inner[..] {
        [] => Vec::new(),
        [one] => one.clone(),
        several => groups
            .iter()
            .zip(several)
            .enumerate()
            .map(|(number, ((nsg, _), resources))| {
                let mut nested = json!({
                    "type": "Microsoft.Resources/deployments",
                    "apiVersion": "2022-09-01",
                    "name": format!("nsgaudit-fix-{}", number + 1),
                    "properties": {
                        "mode": "Incremental",
                        "expressionEvaluationOptions": { "scope": "inner" },
                        "template": template(fix, resources.clone(), &Value::Null),
                    },
                });
                if !nsg.resource_group.is_empty() {
                    nested["resourceGroup"] = literal(&nsg.resource_group);
                }
                if !nsg.subscription.is_empty() {
                    nested["subscriptionId"] = literal(&nsg.subscription);
                }
                nested
            })
            .collect(),
    };
    let lines: Vec<_> = proof(fix).iter().map(|line| literal(line)).collect();
    document(&template(fix, resources, &json!({ "proof": lines })))
}

fn template(fix: &Fix, resources: Vec<Value>, metadata: &Value) -> Value {
    let mut template = Map::new();
    template.insert("$schema".to_owned(), json!(SCHEMA));
    template.insert("contentVersion".to_owned(), json!("1.0.0.0"));
    if !metadata.is_null() {
        template.insert("metadata".to_owned(), metadata.clone());
    }
    if fix.kind == Kind::LeastPrivilege {
        let location = json!({ "type": "string", "defaultValue": "[resourceGroup().location]" });
        template.insert("parameters".to_owned(), json!({ "location": location }));
    }
    template.insert("resources".to_owned(), Value::Array(resources));
    Value::Object(template)
}

fn resources(fix: &Fix, change: &NsgChange) -> Vec<Value> {
    if fix.kind == Kind::LeastPrivilege {
        let rules: Vec<_> = rules(change)
            .iter()
            .map(
                |fields| json!({ "name": literal(&fields.name), "properties": properties(fields) }),
            )
            .collect();
        return vec![json!({
            "type": "Microsoft.Network/networkSecurityGroups",
            "apiVersion": API,
            "name": literal(&change.nsg.name),
            "location": "[parameters('location')]",
            "properties": { "securityRules": rules },
        })];
    }
    let mut all = Vec::new();
    let mut before: Option<String> = None;
    // One after another: two rules must never have the same priority, not even for a moment.
    for fields in rules(change) {
        let mut resource = json!({
            "type": RULE,
            "apiVersion": API,
            "name": literal(&format!("{}/{}", change.nsg.name, fields.name)),
            "properties": properties(&fields),
        });
        if let Some(before) = &before {
            resource["dependsOn"] = json!([before]);
        }
        before = Some(format!(
            "[resourceId('{RULE}', '{}', '{}')]",
            quoted(&change.nsg.name),
            quoted(&fields.name)
        ));
        all.push(resource);
    }
    all
}

/// Moved rules in the order in which they move, then new ones.
pub(super) fn rules(change: &NsgChange) -> Vec<Fields> {
    let moved = change
        .moves
        .iter()
        .map(|moved| Fields::new(&moved.rule, moved.to, String::new()));
    let new = change
        .new
        .iter()
        .map(|new| Fields::new(&new.rule, new.rule.priority, new.description()));
    moved.chain(new).collect()
}

fn properties(fields: &Fields) -> Value {
    let mut all = Map::new();
    if !fields.description.is_empty() {
        all.insert("description".to_owned(), literal(&fields.description));
    }
    all.insert("priority".to_owned(), json!(fields.priority));
    all.insert("direction".to_owned(), json!(fields.direction));
    all.insert("access".to_owned(), json!(fields.access));
    all.insert("protocol".to_owned(), json!(fields.protocol));
    for (end, place) in [
        ("source", &fields.source),
        ("destination", &fields.destination),
    ] {
        side(&mut all, end, place);
    }
    Value::Object(all)
}

fn side(all: &mut Map<String, Value>, end: &str, place: &Place) {
    let list = |words: &[String]| Value::Array(words.iter().map(|word| literal(word)).collect());
    let mut put = |key: &str, plural: &str, words: &[String]| match words {
        [] => {}
        [one] => _ = all.insert(format!("{end}{key}"), literal(one)),
        several => _ = all.insert(format!("{end}{plural}"), list(several)),
    };
    put("AddressPrefix", "AddressPrefixes", &place.prefixes);
    put("PortRange", "PortRanges", &place.ports);
    if !place.groups.is_empty() {
        let ids: Vec<_> = place
            .groups
            .iter()
            .map(|id| json!({ "id": literal(id) }))
            .collect();
        all.insert(format!("{end}ApplicationSecurityGroups"), Value::Array(ids));
    }
}

/// A string that is no expression: one that begins as an expression does is escaped.
fn literal(text: &str) -> Value {
    if text.starts_with('[') {
        json!(format!("[{text}"))
    } else {
        json!(text)
    }
}

/// Within quotes of an expression.
fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

#[cfg(test)]
mod tests {
    use super::super::tests::hostile;
    use super::*;

    #[test]
    fn what_looks_like_an_expression_is_none() {
        let name = "[concat('a', parameters('b'))]";
        let template: Value = serde_json::from_str(&render(&hostile(name))).unwrap();
        let resources = template["resources"].as_array().unwrap();
        assert_eq!(resources[0]["name"], format!("[{name}/{name}"));
        let expected = "[resourceId('Microsoft.Network/networkSecurityGroups/securityRules', \
                        '[concat(''a'', parameters(''b''))]', '[concat(''a'', parameters(''b''))]')]";
        assert_eq!(resources[1]["dependsOn"][0], expected);
        assert_eq!(
            resources[1]["properties"]["destinationAddressPrefix"],
            format!("[{name}")
        );
    }

    #[test]
    fn nsgs_of_several_groups_have_a_deployment_each() {
        let mut fix = hostile("x");
        let mut other = fix.changes[0].clone();
        other.nsg.resource_group = "other".to_owned();
        fix.changes.push(other);
        let template: Value = serde_json::from_str(&render(&fix)).unwrap();
        let resources = template["resources"].as_array().unwrap();
        let groups: Vec<_> = resources.iter().map(|one| &one["resourceGroup"]).collect();
        assert_eq!(groups, ["other", "x"]);
        assert_eq!(
            resources[0]["properties"]["template"]["resources"][0]["name"],
            "x/x"
        );
    }
}
