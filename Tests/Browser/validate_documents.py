#!/usr/bin/env python3
"""Checks /openapi.json and /asyncapi.json with validators that are not ours, and every example with its own schema.

    validate_documents.py openapi.json asyncapi.json [health.json]
    validate_documents.py --cases cases.json

The second form takes a list of {"name", "schema", "value", "fits"}: JSON Schemas that stand in both documents, and whether
a value fits them.

Prints one line per problem. Exits with 0 when there is none, 1 when there are some, 69 when a validator is missing.
"""

import json
import pathlib
import re
import sys
import warnings

try:
    from jsonschema import Draft7Validator, Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from openapi_spec_validator import OpenAPIV31SpecValidator
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012
except ImportError as missing:
    print(f"{missing}; please: python3 -m pip install -r {pathlib.Path(__file__).with_name('requirements.txt')}")
    sys.exit(69)

problems: list[str] = []


def problem(place: str, text: str) -> None:
    problems.append(f"{place}: {text}")


def resolve(document, pointer: str):
    """What `#/a/b` points at."""
    if not pointer.startswith("#/"):
        raise KeyError(pointer)
    for part in pointer[2:].split("/"):
        part = part.replace("~1", "/").replace("~0", "~")
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def references(value, place="#"):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield place, value["$ref"]
        for name, member in value.items():
            yield from references(member, f"{place}/{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from references(member, f"{place}/{index}")


def check_references(name, document):
    """Whether some lead nowhere: the other checks would stumble over them."""
    before = len(problems)
    for place, pointer in references(document):
        try:
            resolve(document, pointer)
        except (KeyError, IndexError, ValueError):
            problem(f"{name} {place}", f"{pointer} leads nowhere")
    return len(problems) > before


def check_example(place, validator, schema, example):
    try:
        validator.check_schema(schema)
    except SchemaError as error:
        return problem(place, f"no JSON Schema: {error.message}")
    for error in validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(example):
        problem(place, f"example at {error.json_path}: {error.message}")


# OpenAPI


def check_openapi(document):
    if check_references("openapi.json", document):
        return
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        problem("openapi.json", str(error.message))
    # A schema with the document's components at hand, for its references.
    registry = Registry().with_resource("urn:document", DRAFT202012.create_resource(document))

    def check(place, schema, example):
        schema = json.loads(json.dumps(schema).replace('"$ref": "#/', '"$ref": "urn:document#/'))
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            return problem(place, f"no JSON Schema: {error.message}")
        validator = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for error in validator.iter_errors(example):
            problem(place, f"example at {error.json_path}: {error.message}")

    examples = 0
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            check(f"openapi.json schema {name}", schema, example)
            examples += 1
        if name.startswith(("message-", "request-")) and not schema.get("examples"):
            problem(f"openapi.json schema {name}", "has no example")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method == "servers":
                continue
            place = f"openapi.json {method} {path}"
            for parameter in operation.get("parameters", []):
                for example in parameter["schema"].get("examples", []):
                    check(f"{place} {parameter['name']}", parameter["schema"], example)
            for status, response in operation["responses"].items():
                for media in response.get("content", {}).values():
                    given = [media["example"]] if "example" in media else []
                    given += [entry["value"] for entry in media.get("examples", {}).values()]
                    for example in given:
                        check(f"{place} {status}", media["schema"], example)
                        examples += 1
    if examples == 0:
        problem("openapi.json", "has no example at all")


# AsyncAPI 3.0: the rules of the specification that a document like this one can break.

OBJECTS = {
    "root": ({"asyncapi", "info"}, {"id", "servers", "defaultContentType", "channels", "operations", "components"}),
    "info": ({"title", "version"}, {"description", "termsOfService", "contact", "license", "tags", "externalDocs"}),
    "server": (
        {"host", "protocol"},
        {"protocolVersion", "pathname", "description", "title", "summary", "variables", "security", "tags",
         "externalDocs", "bindings"}),
    "channel": (
        set(),
        {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "externalDocs",
         "bindings"}),
    "operation": (
        {"action", "channel"},
        {"title", "summary", "description", "security", "tags", "externalDocs", "bindings", "traits", "messages",
         "reply"}),
    "reply": (set(), {"address", "channel", "messages"}),
    "message": (
        set(),
        {"headers", "payload", "correlationId", "contentType", "name", "title", "summary", "description", "tags",
         "externalDocs", "bindings", "examples", "traits"}),
    "example": (set(), {"headers", "payload", "name", "summary"}),
    "ws binding": (set(), {"method", "query", "headers", "bindingVersion"}),
}  # fmt: skip


def check_object(kind, place, value):
    required, optional = OBJECTS[kind]
    for name in required - value.keys():
        problem(place, f"{name} is missing")
    for name in value.keys() - required - optional:
        if not re.fullmatch(r"x-[\w.\-]+", name):
            problem(place, f"there is no {name} in a {kind} object")


def check_asyncapi(document):
    try:
        # Its models have a field that it warns of itself.
        warnings.simplefilter("ignore")
        from asyncapi3.models.asyncapi import AsyncAPI3

        AsyncAPI3.model_validate(document)
    except ImportError:
        print("note: asyncapi3 is not installed; the structural rules alone are checked", file=sys.stderr)
    except ValueError as error:
        problem("asyncapi.json", str(error))
    if check_references("asyncapi.json", document):
        return
    check_object("root", "asyncapi.json", document)
    if document["asyncapi"] != "3.0.0":
        problem("asyncapi.json", "is not of version 3.0.0")
    check_object("info", "asyncapi.json info", document["info"])
    for name, server in document["servers"].items():
        check_object("server", f"asyncapi.json server {name}", server)
    messages_of: dict[str, set[str]] = {}
    for name, channel in document["channels"].items():
        place = f"asyncapi.json channel {name}"
        check_object("channel", place, channel)
        check_object("ws binding", f"{place} binding", channel["bindings"]["ws"])
        headers = channel["bindings"]["ws"]["headers"]
        if headers.get("type") != "object" or "properties" not in headers:
            problem(place, "the headers of a WebSocket binding are an object with properties")
        Draft7Validator.check_schema(headers)
        pointers = {entry["$ref"] for entry in channel["servers"]}
        if not pointers <= {f"#/servers/{server}" for server in document["servers"]}:
            problem(place, "names a server that is not there")
        messages_of[f"#/channels/{name}"] = {f"#/channels/{name}/messages/{key}" for key in channel["messages"]}
    used: set[str] = set()
    for name, operation in document["operations"].items():
        place = f"asyncapi.json operation {name}"
        check_object("operation", place, operation)
        if operation["action"] not in ("send", "receive"):
            problem(place, "its action is neither send nor receive")
        parts = [operation]
        if "reply" in operation:
            check_object("reply", place, operation["reply"])
            parts.append(operation["reply"])
        for part in parts:
            # Operations name messages of their channel, by way of the channel.
            pointers = {entry["$ref"] for entry in part["messages"]}
            if not pointers or not pointers <= messages_of[part["channel"]["$ref"]]:
                problem(place, "names messages that are not its channel's, or none")
            used |= pointers
    for pointer in set().union(*messages_of.values()) - used:
        problem("asyncapi.json", f"no operation uses {pointer}")
    for key, message in document["components"]["messages"].items():
        place = f"asyncapi.json message {key}"
        if not re.fullmatch(r"[\w\-]+", key):
            problem(place, "is no key for a component")
        check_object("message", place, message)
        if not message.get("examples"):
            problem(place, "has no example")
        for example in message.get("examples", []):
            check_object("example", place, example)
            # AsyncAPI's own dialect is a superset of draft 7; OpenAPI's is 2020-12.
            for validator in (Draft7Validator, Draft202012Validator):
                check_example(place, validator, message["payload"], example["payload"])


def check_health(document, health):
    """A report as it was answered: it fits its schema, and has nothing that the schema doesn't tell of."""
    schema = document["components"]["schemas"]["HealthReport"]
    check_example("health", Draft202012Validator, schema, health)

    def undocumented(schema, value, place):
        if isinstance(value, list):
            for element in value:
                undocumented(schema.get("items", {}), element, place + "[]")
        elif isinstance(value, dict) and "properties" in schema:
            for name, member in value.items():
                if name in schema["properties"]:
                    undocumented(schema["properties"][name], member, f"{place}.{name}")
                else:
                    problem("health", f"{place}.{name} is not in PatchbayHTTP/Docs/HTTPSchemas.swift")

    undocumented(schema, health, "")


def check_cases(cases):
    for case in cases:
        # AsyncAPI's own dialect is a superset of draft 7; OpenAPI's is 2020-12.
        for validator in (Draft7Validator, Draft202012Validator):
            try:
                validator.check_schema(case["schema"])
            except SchemaError as error:
                problem(case["name"], f"no JSON Schema: {error.message}")
                continue
            checked = validator(case["schema"], format_checker=validator.FORMAT_CHECKER)
            errors = [f"{error.json_path}: {error.message}" for error in checked.iter_errors(case["value"])]
            if case["fits"] != (not errors):
                problem(case["name"], "; ".join(errors) or "fits, but should not")


def finish():
    for line in problems:
        print(line)
    sys.exit(1 if problems else 0)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--cases":
        check_cases(json.loads(pathlib.Path(sys.argv[2]).read_text()))
        finish()
    if len(sys.argv) not in (3, 4):
        print(__doc__)
        sys.exit(64)
    openapi, asyncapi, *more = [json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:]]
    check_openapi(openapi)
    check_asyncapi(asyncapi)
    for health in more:
        check_health(openapi, health)
    finish()


main()
