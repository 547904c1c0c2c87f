"""Checks the manifests of deploy/kubernetes: Kubernetes' own resources against its published schemas, which the package
kubernetes-validate brings along, other people's against custom_resources.json; and that what they name is there.

  check.py FOLDER                 say what is wrong, and end with 1 if anything is
  check.py FOLDER --must-refuse   spoil each resource in turn, and end with 1 if that goes unnoticed
"""

import copy
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import referencing
import yaml

# The oldest and the newest Kubernetes that the package knows, among those that its project still looks after.
VERSIONS = ["1.34", "1.37"]

SCHEMAS = pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
HERE = pathlib.Path(__file__).parent


def definitions():
    path = SCHEMAS / f"v{VERSIONS[-1]}.0-local-strict" / "_definitions.json"
    resource = referencing.Resource.from_contents(json.loads(path.read_text()))
    return referencing.Registry().with_resource("urn:kubernetes", resource)


REGISTRY = definitions()


def with_references(schema):
    """Has `kubernetes:NAME` refer to the definition of that name."""
    if isinstance(schema, dict):
        name = schema.get("$ref", "")
        if name.startswith("kubernetes:"):
            return {"$ref": "urn:kubernetes#/$defs/" + name.removeprefix("kubernetes:")}
        return {key: with_references(value) for key, value in schema.items()}
    return [with_references(one) for one in schema] if isinstance(schema, list) else schema


CUSTOM = with_references(json.loads((HERE / "custom_resources.json").read_text()))


def kind_of(resource):
    return f"{resource.get('apiVersion')} {resource.get('kind')}"


def name_of(resource):
    return f"{resource.get('kind')} {resource.get('metadata', {}).get('name')}"


def check(resource):
    """What is wrong with one resource, in lines."""
    where = name_of(resource)
    if kind_of(resource) in CUSTOM:
        if set(resource) != {"apiVersion", "kind", "metadata", "spec"}:
            yield f"{where}: its fields are {', '.join(resource)}"
        validator = jsonschema.Draft202012Validator(CUSTOM[kind_of(resource)], registry=REGISTRY)
        for error in validator.iter_errors(resource.get("spec")):
            yield f"{where}: {error.json_path}: {error.message}"
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            yield f"{where}: Kubernetes {version}: {error.message}"


def load(folder):
    """The files that kustomize reads, and the examples beside them; all resources in them."""
    settings = yaml.safe_load((folder / "kustomization.yaml").read_text())
    files = sorted(path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
    missing = set(settings["resources"]) - set(files)
    assert not missing, f"kustomization.yaml names {missing}, which are not there"
    assert set(settings) <= {"apiVersion", "kind", "namespace", "resources", "images"}, settings
    for name in files:
        for resource in yaml.safe_load_all((folder / name).read_text()):
            yield name in settings["resources"], resource


def pods(resources):
    for resource in resources:
        if resource["kind"] in ("Deployment", "Job"):
            yield resource, resource["spec"]["template"]


def check_names(resources):
    """What one resource says of another."""
    there = {name_of(resource) for resource in resources}
    # The operator makes it, with these keys.
    made = {"rabbitmq-default-user": {"username", "password", "connection_string"}}
    for resource in resources:
        if resource["kind"] != "Namespace" and resource["metadata"].get("namespace") != "warren":
            yield f"{name_of(resource)} is in no namespace of ours"
    for resource, template in pods(resources):
        labels, spec, where = template["metadata"]["labels"], template["spec"], name_of(resource)
        if "selector" in resource["spec"] and resource["spec"]["selector"]["matchLabels"].items() - labels.items():
            yield f"{where}: its selector does not select its pods"
        for container in spec["containers"]:
            ports = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe in container and container[probe]["httpGet"]["port"] not in ports:
                    yield f"{where}: {probe} asks a port that is not there"
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            if mounted != {volume["name"] for volume in spec["volumes"]}:
                yield f"{where}: its volumes are not those that are mounted"
            for variable in container["env"]:
                reference = variable.get("valueFrom", {}).get("secretKeyRef")
                if reference and reference["key"] not in made.get(reference["name"], ()):
                    yield f"{where}: {reference} is not there"
            for source in container.get("envFrom", ()):
                reference = source.get("configMapRef")
                if reference and f"ConfigMap {reference['name']}" not in there:
                    yield f"{where}: {reference} is not there"
            context = container["securityContext"]
            if not (context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]):
                yield f"{where}: it may do more than it needs"
            if context["capabilities"] != {"drop": ["ALL"]} or not spec["securityContext"]["runAsNonRoot"]:
                yield f"{where}: it may do more than it needs"
        for volume in spec["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim and f"PersistentVolumeClaim {claim}" not in there:
                yield f"{where}: the claim {claim} is not there"
    for resource in resources:
        spec, where = resource.get("spec", {}), name_of(resource)
        if resource["kind"] == "ScaledObject":
            if f"Deployment {spec['scaleTargetRef']['name']}" not in there:
                yield f"{where}: what it scales is not there"
            for trigger in spec["triggers"]:
                if f"TriggerAuthentication {trigger['authenticationRef']['name']}" not in there:
                    yield f"{where}: how it is let in is not there"
        if resource["kind"] == "TriggerAuthentication":
            for reference in spec["secretTargetRef"]:
                if reference["key"] not in made.get(reference["name"], ()):
                    yield f"{where}: {reference} is not there"
        if resource["kind"] == "PodDisruptionBudget":
            wanted = spec["selector"]["matchLabels"].items()
            if not any(wanted <= template["metadata"]["labels"].items() for _, template in pods(resources)):
                yield f"{where}: it selects no pods"


def spoiled(resource):
    """The resource with something wrong in it, one thing at a time."""

    def with_change(change):
        other = copy.deepcopy(resource)
        change(other)
        return other

    if "spec" in resource:
        yield "a field that there is not", with_change(lambda other: other["spec"].update(surprise=1))
        yield "no object", with_change(lambda other: other.update(spec=[1]))
    else:
        yield "a field that there is not", with_change(lambda other: other.update(surprise=1))
    if resource["kind"] in ("Deployment", "Job"):
        container = lambda other: other["spec"]["template"]["spec"]["containers"][0]
        yield "a misspelt probe", with_change(lambda other: container(other).update(livenesProbe={}))
        yield "a port that is a text", with_change(lambda other: container(other)["ports"][0].update(containerPort="a"))
        yield "a number in the environment", with_change(lambda other: container(other)["env"].append({"name": "A", "value": 1}))
    if resource["kind"] == "ScaledObject":
        yield "a number for a text", with_change(lambda other: other["spec"]["triggers"][0]["metadata"].update(value=32))
        behaviour = lambda other: other["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        yield "a foreign field far below", with_change(lambda other: behaviour(other)["scaleDown"].update(surprise=1))
    if resource["kind"] == "RabbitmqCluster":
        yield "a foreign field far below", with_change(lambda other: other["spec"]["resources"].update(surprise={}))


def main(folder, *options):
    loaded = list(load(pathlib.Path(folder)))
    resources = [resource for _, resource in loaded]
    if options == ("--must-refuse",):
        tried = [(name_of(one), what, other) for one in resources for what, other in spoiled(one)]
        wrong = [f"{name} with {what} is taken" for name, what, other in tried if not list(check(other))]
        print(f"{len(tried)} spoiled resources")
    else:
        assert not options, __doc__
        wrong = [line for resource in resources for line in check(resource)]
        wrong += check_names(resources)
        print(f"{len(resources)} resources")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
