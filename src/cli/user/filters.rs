//! The filters of `gatepost user list`.

use super::super::Failure;
use gatepost::domain::{Email, LoginPrefix, Name, Timestamp};
use gatepost::users::Filter;

#[derive(clap::Args)]
pub(in crate::cli) struct Filters {
    /// Only users whose logins begin like this, in any spelling
    #[arg(long, value_name = "TEXT")]
    login_prefix: Option<String>,
    /// Only users who have this address, verified or not
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Only users who have this role
    #[arg(long)]
    role: Option<String>,
    /// Only users who are in this group
    #[arg(long)]
    group: Option<String>,
    /// Only users who are locked (true) or who are not (false)
    #[arg(long, value_name = "true|false")]
    locked: Option<bool>,
    /// Only users who registered at this time or later, such as 2027-01-31T18:00:00Z
    #[arg(long, value_name = "TIME")]
    created_after: Option<String>,
    /// Only users who registered before this time
    #[arg(long, value_name = "TIME")]
    created_before: Option<String>,
}

impl Filters {
    /// The filter that they make together.
    ///
    /// # Errors
    /// Those of the values.
    pub(super) fn parse(&self) -> Result<Filter, Failure> {
        let time = |text: &Option<String>| {
            text.as_deref().map(Timestamp::parse).transpose().map_err(|fault| time_fault(&fault))
        };
        let mut filter = Filter::default();
        filter.login_prefix = self.login_prefix.as_deref().map(LoginPrefix::parse).transpose()?;
        filter.email = self.email.as_deref().map(Email::parse).transpose()?;
        filter.role = self.role.as_deref().map(|name| Name::parse("role", name)).transpose()?;
        filter.group = self.group.as_deref().map(|name| Name::parse("group", name)).transpose()?;
        filter.locked = self.locked;
        filter.created_after = time(&self.created_after)?;
        filter.created_before = time(&self.created_before)?;
        Ok(filter)
    }
}

fn time_fault(fault: &str) -> Failure {
    Failure::Usage(format!("the time {fault}"))
}
