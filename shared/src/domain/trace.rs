//! Traces: by one id operators follow what a request led to, through all queues and workers.

use serde::{Deserialize, Serialize};

/// The id of a trace (AWS X-Ray developer guide, "Trace ID format": a version, a time and 96 bits).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceId(String);

impl TraceId {
    /// Reads the root of a tracing header, `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=1`. Clients may send
    /// one, so nothing else gets into items and logs by it.
    #[must_use]
    pub fn of_header(header: &str) -> Option<Self> {
        let mut fields = header.split(';').map(str::trim);
        let root = fields.find_map(|field| field.strip_prefix("Root="))?;
        let well_formed = root.split('-').map(str::len).eq([1, 8, 24])
            && root.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
        well_formed.then(|| Self(root.to_owned()))
    }

    /// As it stands in items and logs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_header_is_read_and_nothing_else() {
        let root = "1-5759e988-bd862e3fe1be46a994272793";
        for header in [
            format!("Root={root}"),
            format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1"),
            format!("Self=1-67891234-12456789abcdef012345678a;Root={root}; Lineage=1:a:0"),
        ] {
            assert_eq!(TraceId::of_header(&header).unwrap().as_str(), root);
        }
        for header in [
            "",
            root,
            "Root=",
            "Root=ada@drivers.example",
            "Root=1-5759e988-bd862e3fe1be46a99427279",
            "Root=1-5759e988-bd862e3fe1be46a994272793-1",
            "Root=1-5759e988",
        ] {
            assert_eq!(TraceId::of_header(header), None, "{header}");
        }
    }
}
