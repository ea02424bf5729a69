"""template.yaml as CloudFormation reads it: `template`, `intrinsics`, `authorizers`."""
