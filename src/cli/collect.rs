//! `nsgaudit collect --print`: a shell script that fetches with `az` what `--azure` reads.
//!
//! Nothing is run here: the user sees each command before it is run, and runs it with rights of their own.

use clap::Args;

use super::{Status, output};
use crate::error::{Error, Result};
use crate::report::escape::terminal;

/// Options of `collect`.
#[derive(Debug, Args)]
pub struct CollectArgs {
    /// Print the script. Nothing is ever run by this program itself.
    #[arg(long)]
    pub print: bool,
    /// Only what is in this resource group. NSGs and route tables are often in another one than the
    /// network: then leave it out.
    #[arg(long, value_name = "NAME")]
    pub resource_group: Option<String>,
    /// Subscription, by name or ID; by default the one that `az` is set to.
    #[arg(long, value_name = "NAME")]
    pub subscription: Option<String>,
    /// Only this virtual network.
    #[arg(long, value_name = "NAME", requires = "resource_group")]
    pub vnet: Option<String>,
    /// Folder that the script fills.
    #[arg(long, value_name = "FOLDER", default_value = "collected")]
    pub output_dir: String,
}

pub(super) fn run(args: &CollectArgs) -> Result<Status> {
    if !args.print {
        let message = "collect: expected --print, found nothing: it prints a script for `sh` and \
                       runs nothing itself";
        return Err(Error::Usage {
            message: message.to_owned(),
        });
    }
    output::write(None, script(args)?.as_bytes())?;
    Ok(Status::Quiet)
}

/// The script.
fn script(args: &CollectArgs) -> Result<String> {
    let subscription = option("--subscription", args.subscription.as_deref())?;
    let group = option("--resource-group", args.resource_group.as_deref())?;
    let (networks, query) = match &args.vnet {
        Some(name) => (
            format!("show --name={}", quoted("--vnet", name)?),
            ["id", "location"],
        ),
        None => ("list".to_owned(), ["[].id", "[].location"]),
    };
    let folder = match args.output_dir.as_str() {
        // No command shall take it for an option.
        dashed if dashed.starts_with('-') => format!("./{dashed}"),
        folder => folder.to_owned(),
    };
    let folder = quoted("--output-dir", &folder)?;
    let ids = ["vnet-ids.txt", "locations.txt"].iter().zip(query);
    let lines = ids.map(|(file, query)| {
        format!("lines {file} in_group network vnet {networks} --query '{query}'\n")
    });
    Ok(format!(
        "{HEAD}\ndir={folder}\n\n{SCOPE}\
         in_subscription() {{ az \"$@\"{subscription}; }}\n\
         in_group() {{ az \"$@\"{subscription}{group}; }}\n\
         {SAVE}save rules/vnets.json in_group network vnet {networks}\n\
         {LISTS}{}{LOOPS}",
        lines.collect::<String>()
    ))
}

/// An option with its value, as one word of a shell command; empty without a value.
fn option(name: &str, value: Option<&str>) -> Result<String> {
    value.map_or(Ok(String::new()), |value| {
        Ok(format!(" {name}={}", quoted(name, value)?))
    })
}

/// A text as one word of a POSIX shell, whatever it holds.
///
/// Characters that a terminal would obey or hide are refused: nobody could check what such a script does,
/// and no name of Azure has them.
fn quoted(option: &str, text: &str) -> Result<String> {
    if text.is_empty() || terminal(text) != text {
        return Err(Error::Usage {
            message: format!("{option}: expected a name of printable characters, found {text:?}"),
        });
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

const HEAD: &str = r"#!/bin/sh
# Printed by `nsgaudit collect --print`. Fetches the rules of a network with az, for
# `nsgaudit prove --azure`. It reads, and changes nothing in Azure.
set -eu
umask 077
";

const SCOPE: &str = "# Where to look.\n";

const SAVE: &str = r#"
missing=0
mkdir -p "$dir/rules/effective" "$dir/rules/admin" "$dir/service-tags" "$dir/flow-logs"

# Writes what a command prints to a file, whole or not at all.
write() {
  target=$dir/$1
  shift
  if "$@" > "$target.part" < /dev/null; then
    mv "$target.part" "$target"
  else
    rm -f "$target.part"
    return 1
  fi
}
save() {
  file=$1
  shift
  echo "fetching $file" >&2
  write "$file" "$@" --output json
}
lines() { write "$@" --output tsv; }
# What may be missing: it is told, and the rest is fetched.
try() {
  save "$@" || {
    missing=$((missing + 1))
    echo "without $1: az could not fetch it" >&2
  }
}

save rules/nsgs.json in_group network nsg list
save rules/nics.json in_group network nic list
save rules/asgs.json in_group network asg list
save rules/route-tables.json in_group network route-table list
"#;

const LISTS: &str = r"
# The number of a line is that of the files about it.
lines nic-ids.txt in_group network nic list --query '[].id'
";

const LOOPS: &str = r#"
# Rules and routes as Azure applies them to each interface. Only of machines that run.
number=0
while IFS= read -r id; do
  number=$((number + 1))
  try "rules/effective/nsg-$number.json" \
    in_subscription network nic list-effective-nsg --ids="$id"
  # The list does not say whose routes they are: an ID has no quote, so this is one word of the query.
  try "rules/effective/routes-$number.json" \
    in_subscription network nic show-effective-route-table --ids="$id" \
    --query "{networkInterface: {id: '$id'}, value: value}"
done < "$dir/nic-ids.txt"

# Security admin rules, which are asked before any NSG. Needs the extension
# virtual-network-manager: az extension add --name virtual-network-manager
try rules/admin/managers.json in_subscription network manager list
number=0
while IFS= read -r id; do
  number=$((number + 1))
  # Of several networks the file's name tells for which one it is listed; two may have the same.
  mkdir -p "$dir/rules/admin/$number"
  try "rules/admin/$number/${id##*/}.json" \
    in_subscription network manager list-effective-security-admin-rule --ids="$id"
done < "$dir/vnet-ids.txt"

# Service tags of today, of all regions whichever is named; and where flow logs are written.
sort -u -o "$dir/locations.txt" "$dir/locations.txt"
tags=service-tags/ServiceTags_$(date -u +%Y%m%d).json
number=0
while IFS= read -r location; do
  number=$((number + 1))
  if [ "$number" -eq 1 ]; then
    try "$tags" in_subscription network list-service-tags --location="$location"
  fi
  try "flow-logs/region-$number.json" \
    in_subscription network watcher flow-log list --location="$location"
done < "$dir/locations.txt"

# The logs themselves are not fetched: they may be very many. `storageId` in flow-logs/ names the
# storage account of each flow log, `targetResourceId` what it logs. For one day of an account:
#
#   az storage blob download-batch --auth-mode login --account-name ACCOUNT \
#     --source insights-logs-flowlogflowevent --destination logs \
#     --pattern '*/y=2026/m=01/d=05/*'
#
# or, by a prefix, faster where there are many:
#
#   azcopy copy 'https://ACCOUNT.blob.core.windows.net/insights-logs-flowlogflowevent/PREFIX' \
#     logs --recursive
#
# Flow logs of NSGs are in the container insights-logs-networksecuritygroupflowevent.

if [ "$missing" -gt 0 ]; then
  echo "$missing files could not be fetched, as told above" >&2
fi
echo "now: nsgaudit prove --azure $dir/rules --service-tags $dir/$tags" >&2
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word_of_the_shell() {
        assert_eq!(quoted("--x", "a b").unwrap(), "'a b'");
        assert_eq!(quoted("--x", "it's $(x)").unwrap(), r"'it'\''s $(x)'");
        for bad in ["", "a\nb", "a\u{1b}[31m", "a\u{202e}b"] {
            assert!(quoted("--x", bad).is_err(), "{bad:?}");
        }
    }
}
