//! Traffic Analytics exports: aggregated rows of `NTANetAnalytics` and `AzureNetworkAnalytics_CL`,
//! as CSV or JSON.
//!
//! A row joins the flows of 10 or 60 minutes that share source, destination, destination port,
//! protocol, direction and rule; the source port is lost. One row becomes one [`RecordBatch`] of
//! wide tuples, one for each pair of addresses. Rows are read one at a time: the memory in use does
//! not depend on the size of the export.
//!
//! [`RecordBatch`]: super::batch::RecordBatch

mod columns;
mod csv;
mod json;
mod row;
#[cfg(test)]
mod tests;
mod time;
mod window;

pub use self::csv::decode_csv;
pub use self::json::decode_json;

/// Longest row in bytes.
const ROW_LIMIT: usize = 1 << 20;
