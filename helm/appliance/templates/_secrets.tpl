{{/* The Secret with django, admin and, for the chart's own Valkey, redis. */}}
{{- define "appliance.mainSecret" -}}
{{- default (printf "%s-secrets" (include "appliance.fullname" .)) .Values.secrets.existingSecret -}}
{{- end -}}

{{/*
What is generated, as JSON of base64: what the cluster has already, else new. Kept on the values while one rendering
lasts, so that the Secret and the setup hook's copy of it are the same.
*/}}
{{- define "appliance.generatedSecrets" -}}
{{- if not (hasKey .Values "generatedSecrets") -}}
{{- $kept := dict -}}
{{- with lookup "v1" "Secret" .Release.Namespace (printf "%s-secrets" (include "appliance.fullname" .)) }}{{ $kept = default dict .data }}{{ end -}}
{{- $lengths := dict "django" 64 "admin" 20 "redis" 48 -}}
{{- $data := dict -}}
{{- range $name, $length := $lengths -}}
{{- $_ := set $data $name (default (randAlphaNum $length | b64enc) (index $kept $name)) -}}
{{- end -}}
{{- $_ := set .Values "generatedSecrets" $data -}}
{{- end -}}
{{- toJson .Values.generatedSecrets -}}
{{- end -}}

{{/* Where each secret file of the appliance comes from: (dict "root" $ "copies" bool "administrator" bool) */}}
{{- define "appliance.secretSources" -}}
{{- $values := .root.Values -}}
{{- $fullname := include "appliance.fullname" .root -}}
{{- $main := include "appliance.mainSecret" .root -}}
{{- if and .copies (not $values.secrets.existingSecret) }}{{ $main = printf "%s-setup" $fullname }}{{ end -}}
- secret:
    name: {{ $main }}
    items:
      - {key: django, path: django}
      {{- if .administrator }}
      - {key: admin, path: admin}
      {{- end }}
      {{- if eq $values.redis.mode "chart" }}
      - {key: redis, path: redis}
      {{- end }}
- secret:
    {{- if eq $values.database.mode "cloudnativepg" }}
    name: {{ include "appliance.name" (dict "root" .root "place" "postgres") }}-app
    items:
      - {key: password, path: postgres-application}
    {{- else }}
    name: {{ $values.database.external.passwordSecret.name }}
    items:
      - {key: {{ $values.database.external.passwordSecret.key }}, path: postgres-application}
    {{- end }}
{{- if eq $values.redis.mode "external" }}
- secret:
    name: {{ $values.redis.external.passwordSecret.name }}
    items:
      - {key: {{ $values.redis.external.passwordSecret.key }}, path: redis}
{{- end }}
{{- end -}}

{{/* The Secret with the database's CA, as the body of a secret volume; nothing where the connection is not encrypted. */}}
{{- define "appliance.databaseCaSecret" -}}
{{- $topology := .Files.Get "files/topology.json" | fromJson -}}
{{- $path := base $topology.paths.database_ca -}}
{{- if eq .Values.database.mode "cloudnativepg" -}}
secretName: {{ include "appliance.name" (dict "root" . "place" "postgres") }}-ca
items:
  - {key: ca.crt, path: {{ $path }}}
{{- else if .Values.database.external.caSecret.name -}}
secretName: {{ .Values.database.external.caSecret.name }}
items:
  - {key: {{ .Values.database.external.caSecret.key }}, path: {{ $path }}}
{{- end -}}
{{- end -}}
