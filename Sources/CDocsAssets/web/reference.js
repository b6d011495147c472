// What there is to know about messages and endpoints, from the documents of the routes in force.

import { plain } from "./connection.js";
import { breakable, fieldRows } from "./fields.js";
import { element, hueOf, pretty } from "./message-log.js";

/** Draws the kinds of messages and the codes of an AsyncAPI document. */
export function showMessages(asyncAPI, { requests, answers, closeCodes, errorCodes, tryOut }) {
  const open = new Set([...document.querySelectorAll("details.kind[open]")].map((kind) => kind.dataset.key));
  const kinds = Object.entries(asyncAPI.components.messages);
  const draw = (wanted, hue, withButton) => kinds.filter(([key]) => key.startsWith(wanted)).map(([key, message]) => {
    const kind = messageKind(key, message, hue(message), withButton ? tryOut : null);
    kind.open = open.has(key);
    return kind;
  });
  const isControl = new Set(["subscription_confirmed", "error", "pong", "gap", "channel_closed", "server_shutdown"]);
  requests.replaceChildren(...draw("request-", () => "quiet", true));
  // What an operator's routes make comes before what every router says.
  const all = draw("message-", ({ name }) => hueOf(name), false);
  const rank = (kind) => (isControl.has(kind.dataset.type) ? 1 : 0);
  answers.replaceChildren(...all.toSorted((one, other) => rank(one) - rank(other)));
  const { "x-close-codes": close, "x-error-codes": error } = asyncAPI.channels.ws;
  closeCodes.replaceChildren(...close.map(codeRow));
  errorCodes.replaceChildren(...error.map(codeRow));
}

function messageKind(key, { name, summary, payload, examples = [] }, hue, tryOut) {
  const details = element("details", "kind", "");
  details.dataset.key = key;
  details.dataset.type = name;
  const head = document.createElement("summary");
  const badge = element("span", "badge", name);
  badge.dataset.hue = hue;
  head.append(badge, element("span", "about", plain(summary)));
  const body = element("div", "body", "");
  body.append(element("h3", "", "Fields"), fieldTable(payload, examples[0]?.payload, name));
  for (const example of examples) {
    const title = element("h3", "", example.name);
    const text = JSON.stringify(example.payload);
    if (tryOut) {
      const button = element("button", "", "Try");
      button.type = "button";
      button.setAttribute("aria-label", `Try ${name}, ${example.name}`);
      button.addEventListener("click", () => tryOut(text));
      title.append(button);
    }
    body.append(title, scrollable(pretty(text), `Example: ${example.name}`));
  }
  body.append(element("h3", "", "JSON Schema"), scrollable(JSON.stringify(payload, null, 2), `JSON Schema of ${name}`));
  details.append(head, body);
  return details;
}

/** What each field means. */
function fieldTable(payload, example, name) {
  const table = element("table", "fields", "");
  const caption = element("caption", "visually-hidden", `Fields of ${name}`);
  const head = document.createElement("thead");
  const titles = document.createElement("tr");
  for (const title of ["Field", "Type", "Meaning", "Example"]) {
    const cell = element("th", "", title);
    cell.scope = "col";
    titles.append(cell);
  }
  head.append(titles);
  const body = document.createElement("tbody");
  for (const { path, type, meaning, example: value } of fieldRows(payload, example)) {
    const row = document.createElement("tr");
    const field = element("td", "path", "");
    field.append(...breakable(path));
    const shown = element("td", "example", "");
    if (value !== "") {
      const code = element("code", "", "");
      code.append(...breakable(value));
      shown.append(code);
    }
    row.append(field, element("td", "type", type), element("td", "meaning", plain(meaning)), shown);
    body.append(row);
  }
  table.append(caption, head, body);
  return table;
}

/** One that can be scrolled with the keyboard. */
function scrollable(text, label) {
  const pre = element("pre", "", text);
  pre.tabIndex = 0;
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", label);
  return pre;
}

function codeRow({ code, meaning }) {
  const row = document.createElement("tr");
  const name = element("td", "", "");
  name.append(...breakable(String(code)));
  row.append(name, element("td", "", plain(meaning)));
  return row;
}

// MARK: HTTP

let swagger = null;

/** Draws an OpenAPI document with Swagger UI; `false` when this build has none. */
export function showEndpoints(openAPI, domNode) {
  if (typeof SwaggerUIBundle === "undefined") return false;
  const spec = understandsOpenAPI31() ? openAPI : asOpenAPI30(openAPI);
  if (swagger) {
    swagger.specActions.updateSpec(JSON.stringify(spec));
    return true;
  }
  swagger = SwaggerUIBundle({
    spec, domNode, presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", deepLinking: false, validatorUrl: null,
    docExpansion: "list", defaultModelsExpandDepth: 0, defaultModelRendering: "example",
    // Reloading is on another port, which refuses web pages.
    supportedSubmitMethods: ["get"],
  });
  return true;
}

/** Swagger UI does from its version 5 on. */
function understandsOpenAPI31() {
  return Number.parseInt(globalThis.versions?.swaggerUi?.version ?? "0", 10) >= 5;
}

/**
 * The document in the words of OpenAPI 3.0, for the eyes only: what 3.0 can't say is left out. The document itself, at
 * /openapi.json, is 3.1.
 */
export function asOpenAPI30(openAPI) {
  const document = older(openAPI);
  document.openapi = "3.0.3";
  delete document.info.summary;
  delete document.info.license?.identifier;
  return document;
}

/** Names whose values are data, not schemas. */
const DATA = new Set(["example", "default", "enum", "value"]);

function older(value) {
  if (Array.isArray(value)) return value.map(older);
  if (value === null || typeof value !== "object") return value;
  const result = {};
  for (const [name, member] of Object.entries(value)) {
    if (name === "const" && typeof member !== "object") result.enum = [member];
    else if (name === "examples" && Array.isArray(member)) result.example = member[0];
    else if (name === "type" && Array.isArray(member)) result.anyOf = member.map((type) => ({ type }));
    else if (name === "allOf" && member.every(isRequirement)) continue;
    else if (name === "anyOf" && member.length === 2 && member[1].type === "null") Object.assign(result, older(member[0]), { nullable: true });
    else result[name] = DATA.has(name) ? member : older(member);
  }
  return result;
}

/** Says only which fields there must be, in one of several ways: true, but nothing to look at. */
const isRequirement = (schema) => Object.keys(schema).length === 1 && Array.isArray(schema.anyOf);
