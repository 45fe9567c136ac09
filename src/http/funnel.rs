//! `GET` and `POST /api/funnel`: how many get how far. `/api/funnels`: those that were saved under a name.

use std::str::FromStr;

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, Request, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::{
    dashboard::{DashboardState, content, uncached},
    document::read_document,
    error::ApiError,
};
use crate::queries::{Content, DefinitionName, Filter, Funnel, FunnelError, Order, SavedFunnel, Step};

/// Bytes of a funnel's JSON.
const FUNNEL_BYTES_MAX: usize = 64 * 1024;

/// All saved funnels, by name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SavedFunnels {
    pub funnels: Vec<SavedFunnel>,
}

pub async fn get_funnel(
    State(state): State<DashboardState>,
    headers: HeaderMap,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters?;
    answer(&state, from_parameters(&parameters)?, content(&headers)).await
}

pub async fn post_funnel(State(state): State<DashboardState>, request: Request<Body>) -> Result<Response, ApiError> {
    let content = content(request.headers());
    answer(&state, read_document(request, FUNNEL_BYTES_MAX).await?, content).await
}

async fn answer(state: &DashboardState, funnel: Funnel, content: Content) -> Result<Response, ApiError> {
    let answer = state.answers().funnel(&funnel.checked()?, content).await?;
    Ok(uncached(&*answer))
}

pub async fn list_funnels(State(state): State<DashboardState>) -> Result<Response, ApiError> {
    let funnels = state.answers().saved_funnels().await?;
    Ok(uncached(&SavedFunnels { funnels }))
}

pub async fn put_funnel(
    State(state): State<DashboardState>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let name = DefinitionName::new(name)?;
    let funnel: Funnel = read_document(request, FUNNEL_BYTES_MAX).await?;
    let funnel = funnel.checked()?;
    Ok(Json(state.answers().save_funnel(name, funnel).await?).into_response())
}

pub async fn delete_funnel(
    State(state): State<DashboardState>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    match state.answers().delete_funnel(DefinitionName::new(name)?).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::UnknownFunnel),
    }
}

/// `steps=a,b,c&window=1h&range=24h&order=strict&breakdown=properties.plan&filter=2:properties.plan:=:pro`; `filter` may
/// be there many times, with the number of its step, from 1.
fn from_parameters(parameters: &[(String, String)]) -> Result<Funnel, ApiError> {
    let steps = parameters.iter().find(|(name, _)| name == "steps").map_or("", |(_, names)| names);
    let steps = steps.split(',').filter(|name| !name.is_empty());
    let steps = steps.map(|name| Step { event_name: name.to_owned(), filters: Vec::new() }).collect();
    let mut funnel = Funnel::new(steps);
    for (index, (name, value)) in parameters.iter().enumerate() {
        if name != "filter" && parameters[..index].iter().any(|(other, _)| other == name) {
            return Err(ApiError::Parameters(format!("{name} is there twice")));
        }
        match name.as_str() {
            "steps" => {}
            "window" => funnel.window = parsed(name, value)?,
            "range" => funnel.range = parsed(name, value)?,
            "order" => funnel.order = Order::from_str(value)?,
            "breakdown" => funnel.breakdown = Some(parsed(name, value)?),
            "filter" => add_filter(&mut funnel.steps, value)?,
            _ => {
                let known = "steps, window, range, order, breakdown and filter";
                let name: String = name.chars().take(40).collect();
                return Err(ApiError::Parameters(format!("there is no parameter {name:?}; there are {known}")));
            }
        }
    }
    Ok(funnel)
}

fn parsed<T: FromStr<Err = FunnelError>>(name: &str, value: &str) -> Result<T, ApiError> {
    value.parse().map_err(|error: FunnelError| ApiError::Parameters(format!("{name}: {error}")))
}

/// `2:properties.plan:=:pro`, or `2:properties.plan:exists`. A value may hold colons; a key that does needs `POST`.
fn add_filter(steps: &mut [Step], text: &str) -> Result<(), ApiError> {
    let bad = |why: &str| {
        let text: String = text.chars().take(80).collect();
        ApiError::Parameters(format!("filter: {why}, like 2:properties.plan:=:pro, not {text:?}"))
    };
    let mut parts = text.splitn(4, ':');
    let (Some(step), Some(field), Some(op)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad("a step's number, a field, an op and a value"));
    };
    let step = step.parse::<usize>().ok().and_then(|number| steps.get_mut(number.checked_sub(1)?));
    let step = step.ok_or_else(|| bad("it begins with the number of a step"))?;
    let (field, op) = (parsed("filter", field)?, parsed("filter", op)?);
    step.filters.push(Filter { field, op, value: parts.next().map(str::to_owned) });
    Ok(())
}

/// The parameters of `GET /api/funnel`, as the OpenAPI document lists them.
pub fn funnel_parameters() -> serde_json::Value {
    let parameter = |name: &str, required: bool, description: &str, schema: serde_json::Value| json!({ "name": name, "in": "query", "required": required, "description": description, "schema": schema });
    let text = || json!({ "type": "string" });
    json!([
        parameter("steps", true, "2 to 10 event names, separated by commas.", text()),
        parameter(
            "window",
            false,
            "Time to get from the first step to the last: 1m to 30d.",
            json!({ "type": "string", "default": "1h" })
        ),
        parameter(
            "range",
            false,
            "How far back first steps are looked for: 1m to 90d.",
            json!({ "type": "string", "default": "24h" })
        ),
        parameter(
            "order",
            false,
            "Whether the order of the steps matters.",
            json!({ "type": "string", "enum": ["strict", "any"], "default": "strict" })
        ),
        parameter(
            "breakdown",
            false,
            "device_type, country_code or properties.<key> of the first step's event.",
            text()
        ),
        parameter(
            "filter",
            false,
            "A condition on a step: its number, a field, an op (=, !=, contains, exists, <, >) and a value, separated by colons, like 2:properties.plan:=:pro. May be repeated.",
            json!({ "type": "array", "items": text() })
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Funnel, String> {
        let uri = format!("/?{query}").parse().expect("a URI");
        let Query(parameters): Query<Vec<(String, String)>> = Query::try_from_uri(&uri).expect("a query");
        from_parameters(&parameters).and_then(|funnel| Ok(funnel.checked()?)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_short_form_says_the_same_as_the_long_one() {
        let short = "steps=a,b&window=30m&range=4h&order=any&breakdown=properties.email_domain\
            &filter=2:properties.url:contains:https%3A%2F%2Fx%3Ay&filter=1:country_code:exists&filter=2:device_type:!%3D:other";
        let long = r#"{"steps":[{"event_name":"a","filters":[{"field":"country_code","op":"exists"}]},
            {"event_name":"b","filters":[{"field":"properties.url","op":"contains","value":"https://x:y"},
            {"field":"device_type","op":"!=","value":"other"}]}],
            "window":"30m","range":"4h","order":"any","breakdown":"properties.email_domain"}"#;
        assert_eq!(read(short), Ok(serde_json::from_str(long).expect("a funnel")));
    }

    #[test]
    fn each_mistake_of_the_short_form_is_told() {
        for (query, told) in [
            ("", "steps: 2 to 10 are needed, not 0"),
            ("steps=a", "steps: 2 to 10 are needed, not 1"),
            ("steps=a,b&window=soon", "window: a length of time"),
            ("steps=a,b&window=1h&window=2h", "window is there twice"),
            ("steps=a,b&breakdown=plan", "breakdown: a field is"),
            ("steps=a,b&filter=3:properties.plan:=:pro", "it begins with the number of a step"),
            ("steps=a,b&filter=0:properties.plan:=:pro", "it begins with the number of a step"),
            ("steps=a,b&filter=properties.plan", "a step's number, a field, an op and a value"),
            ("steps=a,b&filter=1:properties.plan:like:pro", "op: =, !=, contains"),
            ("steps=a,b&filter=1:properties.plan:=", "steps[0].filters[0].value: needed"),
            ("steps=a,b&since=1", "there is no parameter \"since\"; there are steps, window"),
        ] {
            let error = read(query).expect_err(query);
            assert!(error.contains(told), "{query}: {error}");
        }
    }
}
