use proptest::prelude::*;
use serde_json::json;

use super::*;

fn template() -> Value {
    json!({
        "parameters": {
            "name": {"type": "string", "defaultValue": "front"},
            "Port": {"type": "int", "defaultValue": 443},
            "open": {"type": "string"},
        },
        "variables": {
            "full": "[concat(parameters('NAME'), '-nsg')]",
            "list": ["10.0.0.0/24", "[parameters('open')]"],
            "a": "[variables('b')]", "b": "[variables('a')]",
            "x": "[concat(variables('y'), variables('y'))]",
            "y": "[concat(variables('x'), variables('x'))]",
            "bracket": "[[no expression]",
        },
    })
}

#[test]
fn plain_values_are_put_together() {
    let template = template();
    let scope = Scope::new(&template, None);
    for (text, expected) in [
        ("plain", "plain"),
        ("[[plain]", "[plain]"),
        ("['it''s']", "it's"),
        ("[parameters('name')]", "front"),
        ("[ toUpper ( variables( 'full' ) ) ]", "FRONT-NSG"),
        ("[format('{0}/{1}', variables('full'), 'r')]", "front-nsg/r"),
        (
            "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', parameters('name'))]",
            "/providers/Microsoft.Network/virtualNetworks/v/subnets/front",
        ),
        ("[variables('bracket')]", "[no expression]"),
    ] {
        assert_eq!(
            scope.resolve(text),
            Resolved::Text(expected.to_owned()),
            "{text}"
        );
    }
    assert_eq!(
        scope.resolve("[parameters('port')]"),
        Resolved::Value(&json!(443))
    );
    assert!(matches!(
        scope.resolve("[variables('list')]"),
        Resolved::Value(Value::Array(_))
    ));
    assert_eq!(scope.defaults(), ["Port", "name"]);
}

#[test]
fn all_else_is_not_known() {
    let template = template();
    let scope = Scope::new(&template, None);
    for text in [
        "[parameters('open')]",
        "[parameters('none')]",
        "[variables('a')]",
        "[variables('x')]",
        "[resourceGroup().location]",
        "[concat(parameters('name'), variables('list'))]",
        "[if(true(), 'a', 'b')]",
        "[concat('a', 'b']",
        "[]",
        "['a",
    ] {
        let unknown = scope.resolve(text);
        assert!(
            unknown == Resolved::Unknown || !text.ends_with(']'),
            "{text}: {unknown:?}"
        );
    }
}

#[test]
fn given_parameters_have_no_default() {
    let template = template();
    let given = json!({"name": {"value": "back"}});
    let scope = Scope::new(&template, Some(&given));
    assert_eq!(scope.resolve("[parameters('name')]"), Resolved::Unknown);
}

#[test]
fn names_keep_what_is_not_known() {
    let template = template();
    let scope = Scope::new(&template, None);
    assert_eq!(
        scope.name("[concat(parameters('open'), '/', parameters('name'))]"),
        "[parameters('open')]/front"
    );
    assert_eq!(
        scope.name("[format('{0}/rule', uniqueString(resourceGroup().id))]"),
        "[uniqueString(resourceGroup().id)]/rule"
    );
    assert_eq!(
        scope.name("[resourceId('Microsoft.Network/networkSecurityGroups', parameters('open'))]"),
        "/providers/Microsoft.Network/networkSecurityGroups/[parameters('open')]"
    );
    assert_eq!(
        scope.name("[resourceGroup().name]"),
        "[resourceGroup().name]"
    );
}

proptest! {
    #[test]
    fn no_expression_panics(text in "\\[[a-z().,'\\[\\]{}0-9 -é]{0,60}\\]") {
        let template = template();
        let scope = Scope::new(&template, None);
        scope.resolve(&text);
        prop_assert!(scope.name(&text).len() <= LONGEST.max(text.len() + 2));
    }
}
