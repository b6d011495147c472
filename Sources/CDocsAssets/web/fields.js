// The fields of a message, from the JSON Schema of the message: what each is called, may hold, means, and looks like.

/** Levels of nesting that are listed. */
const DEEPEST = 6;
/** Characters of an example, and what is no fun to read in full: addresses, hashes, keys. */
const LONGEST_EXAMPLE = 32;
const IDENTIFIER = /^"[\w+=.-]{28,}"$/;
/** Choices that are listed one by one. */
const MOST_CHOICES = 5;

/** One row per field, in the order of the schema: { path, type, meaning, example }. */
export function fieldRows(schema, example) {
  const rows = [];
  collect(schema, example, "", rows, 0);
  return rows;
}

function collect(schema, example, prefix, rows, depth) {
  if (depth >= DEEPEST) return;
  for (const branch of branches(schema)) {
    const properties = Object.entries(branch.properties ?? {});
    for (const [name, given] of properties) {
      // A field that may be written in two ways is one field.
      const other = properties.find(([one]) => one !== name && isSameField(one, name));
      if (other && properties.indexOf(other) < properties.findIndex(([one]) => one === name)) continue;
      const path = prefix + name;
      if (rows.some((row) => row.path === path)) continue;
      const value = example?.[name];
      const required = isRequired(branch, name);
      const words = [describe(given, path), other && `Also written \`${other[0]}\`.`, !required && "May be left out."];
      rows.push({ path, type: typeOf(given), meaning: words.filter(Boolean).join(" "), example: shown(value) });
      for (const nested of branches(given)) {
        if (nested.type === "array" && nested.items) {
          collect(nested.items, Array.isArray(value) ? value[0] : undefined, `${path}[].`, rows, depth + 1);
        } else {
          collect(nested, value, `${path}.`, rows, depth + 1);
        }
      }
    }
  }
}

/** What a schema may be; `null` is no form of its own. */
function branches(schema) {
  const all = schema.anyOf ?? schema.oneOf;
  return all ? all.filter(({ type }) => type !== "null").flatMap(branches) : [schema];
}

const normal = (name) => name.replaceAll("_", "").toLowerCase();
const isSameField = (one, other) => normal(one) === normal(other);

function isRequired(schema, name) {
  if (schema.required?.includes(name)) return true;
  return (schema.allOf ?? []).some(({ anyOf }) => anyOf?.some(({ required }) => required?.includes(name)));
}

/** A description of the field, or else of its forms. */
function describe(schema, path) {
  if (schema.description) return schema.description;
  if (schema.properties && path === "data") return "What the message carries; its fields follow.";
  return [...new Set(branches(schema).map(({ description }) => description).filter(Boolean))].join(" ");
}

function typeOf(schema) {
  const words = [...new Set(branches(schema).map(typeOfOne))];
  return words.join(" or ");
}

function typeOfOne({ type, const: only, enum: choices, format, pattern, minimum }) {
  if (only !== undefined) return only === "" ? "empty text" : JSON.stringify(only);
  if (choices) return choices.length <= MOST_CHOICES ? choices.map((choice) => JSON.stringify(choice)).join(" or ") : "one of a list";
  if (Array.isArray(type)) return type.map((one) => typeOfOne({ type: one })).join(" or ");
  switch (type) {
    case "string":
      if (format === "date-time") return "time as text";
      return pattern?.includes("[0-9]+") ? "decimal number as text" : "text";
    case "integer": return minimum === undefined ? "whole number" : `whole number from ${minimum}`;
    case "number": return "number";
    case "boolean": return "true or false";
    case "array": return "list";
    case "object": return "object";
    default: return "any JSON";
  }
}

function shown(value) {
  if (value === undefined || (typeof value === "object" && value !== null)) return "";
  const text = JSON.stringify(value);
  if (IDENTIFIER.test(text)) return `${text.slice(0, 9)}…${text.slice(-5)}`;
  return text.length > LONGEST_EXAMPLE ? `${text.slice(0, LONGEST_EXAMPLE - 1)}…` : text;
}

/** Text that may be broken behind its signs, so that no word has to be broken inside. */
export function breakable(text) {
  return text.split(/(?<=[._/\]:-])(?=\w)/).flatMap((part, index) => (index === 0 ? [part] : [document.createElement("wbr"), part]));
}
