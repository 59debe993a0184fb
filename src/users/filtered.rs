//! The SQL of filtered lists: one statement for each combination of filters, so that the planner
//! sees the values and takes the index of the most selective.

use super::filter::{Filter, Order, Place, Position};
use super::store;
use super::types::User;
use crate::db::Client;
use crate::domain::Page;
use crate::error::Result;
use crate::moment;
use tokio_postgres::types::{ToSql, Type};

/// A statement that grows with its parameters.
struct Statement {
    from: String,
    conditions: Vec<String>,
    order: &'static str,
    values: Vec<(Box<dyn ToSql + Sync>, Type)>,
}

impl Statement {
    fn of(filter: &Filter, after: Option<&Position>) -> Self {
        let mut statement = Self {
            from: "gatepost.users u".to_owned(),
            conditions: Vec::new(),
            order: match filter.order() {
                Order::Id => "u.id",
                Order::Created => "u.created_at, u.id",
                Order::Login => "u.login_canonical",
            },
            values: Vec::new(),
        };
        for (alias, kind, name) in [("r", "role", &filter.role), ("g", "group", &filter.group)] {
            let Some(name) = name else { continue };
            if filter.order() == Order::Id {
                // The same ids, from the index that has them in order.
                statement.order = if kind == "role" { "r.user_id" } else { "g.user_id" };
            }
            let name = statement.value(name.as_str().to_owned(), Type::TEXT);
            statement.from += &format!(
                " JOIN gatepost.memberships {alias} ON {alias}.user_id = u.id
                     AND {alias}.kind = '{kind}' AND {alias}.name = {name}"
            );
        }
        if let Some(email) = &filter.email {
            let email = statement.value(email.canonical().to_owned(), Type::TEXT);
            statement.conditions.push(format!("u.email_canonical = {email}"));
        }
        if let Some(locked) = filter.locked {
            // Written out, since the planner takes a partial index only for a constant.
            statement.conditions.push(if locked { "u.locked" } else { "NOT u.locked" }.to_owned());
        }
        for (time, sign) in [(filter.created_after, ">="), (filter.created_before, "<")] {
            let Some(time) = time else { continue };
            let time = statement.value(time.parameter(), Type::TIMESTAMPTZ);
            statement.conditions.push(format!("u.created_at {sign} {time}"));
        }
        if let Some(prefix) = &filter.login_prefix {
            for (end, sign) in [(prefix.first(), ">="), (prefix.end(), "<")] {
                let end = statement.value(end, Type::TEXT);
                statement.conditions.push(format!("u.login_canonical {sign} {end}"));
            }
        }
        if let Some(Position(place)) = after {
            statement.begin_after(place);
        }
        statement
    }

    fn begin_after(&mut self, place: &Place) {
        let order = self.order;
        let condition = match place {
            Place::Id(id) => format!("{order} > {}", self.value(*id, Type::INT8)),
            Place::Created(time, id) => {
                let time = self.value(moment::parameter(*time), Type::TIMESTAMPTZ);
                let id = self.value(*id, Type::INT8);
                format!("({order}) > ({time}, {id})")
            }
            Place::Login(login) => {
                format!("{order} > {}", self.value(login.clone(), Type::TEXT))
            }
        };
        self.conditions.push(condition);
    }

    /// The name of a new parameter.
    fn value(&mut self, value: impl ToSql + Sync + 'static, r#type: Type) -> String {
        self.values.push((Box::new(value), r#type));
        format!("${}", self.values.len())
    }

    fn sql(&self, offset: i64, limit: i64) -> String {
        let (columns, from) = (store::columns!(), &self.from);
        let conditions = match self.conditions.as_slice() {
            [] => "true".to_owned(),
            conditions => conditions.join(" AND "),
        };
        let order = self.order;
        format!(
            "SELECT {columns} FROM {from} WHERE {conditions} ORDER BY {order}
             OFFSET {offset} LIMIT {limit}"
        )
    }

    fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values.iter().map(|(value, of)| (value.as_ref(), of.clone())).collect()
    }
}

/// A page of the users who pass the filter, and whether there are more.
pub(super) fn list(
    conn: &mut Client,
    filter: &Filter,
    page: Page,
    after: Option<&Position>,
) -> Result<(Vec<User>, bool)> {
    let statement = Statement::of(filter, after);
    let sql = statement.sql(offset(page, after), page.size() + 1);
    let rows = conn.query_typed(&sql, &statement.parameters())?;
    let size = usize::try_from(page.size()).unwrap_or(usize::MAX);
    let users = rows.iter().take(size).map(store::user).collect::<Result<_>>()?;
    Ok((users, rows.len() > size))
}

fn offset(page: Page, after: Option<&Position>) -> i64 {
    if after.is_some() { 0 } else { page.start().1 }
}

/// The plan with which PostgreSQL makes the page, and what it cost.
#[cfg(feature = "internals")]
pub(crate) fn explain(
    conn: &mut Client,
    filter: &Filter,
    page: Page,
    after: Option<&Position>,
) -> Result<String> {
    let statement = Statement::of(filter, after);
    let sql = statement.sql(offset(page, after), page.size() + 1);
    let sql = format!("EXPLAIN (ANALYZE, BUFFERS) {sql}");
    let rows = conn.query_typed(&sql, &statement.parameters())?;
    Ok(rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect())
}
