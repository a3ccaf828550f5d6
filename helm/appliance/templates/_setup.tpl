{{/*
Whether setup runs as a hook, before anything else of a release. Not when this chart's own database is being installed:
a hook would wait for a database that is made only after it. Then the Job is an ordinary object of that first revision.
*/}}
{{- define "appliance.setupIsHook" -}}
{{- or (eq .Values.database.mode "external") .Release.IsUpgrade -}}
{{- end -}}

{{- define "appliance.setupHook" -}}
helm.sh/hook: pre-install,pre-upgrade,pre-rollback
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{/*
(dict "root" $ "model" {...}): who acknowledged the model's licence, as `manage.py record_acknowledgement` takes it. The
same words are the same row, so that each upgrade may say them again. Refused here too, because a schema may be skipped.
*/}}
{{- define "appliance.acknowledgement" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $said := default dict .model.licence -}}
{{- $known := default dict (index $topology.licences (toString $said.id)) -}}
{{- if not (and $said.id (regexMatch "[^\\x00-\\x40]" (toString $said.acknowledgedBy)) $said.acknowledgedBy (regexMatch "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" (toString $said.acknowledgedOn))) -}}
{{- fail (printf "Nobody acknowledged the licence of models.%s. Whoever may decide that for your organisation says so under licence: id, acknowledgedBy: First Last, and acknowledgedOn, a date such as 2026-01-31." .model.name) -}}
{{- end -}}
{{- $detail := dict
  "at" $said.acknowledgedOn
  "name" $said.acknowledgedBy
  "os_user" "helm"
  "model" (printf "%s (%s)" .model.name .model.path)
  "licence" $said.id
  "licence_name" (default $said.id $known.name)
  "text_id" (default "" $known.words)
  "origin" "values" -}}
{{- $sum := $detail | toJson | sha256sum -}}
{{- $row := printf "%s-%s-%s-%s-%s" (substr 0 8 $sum) (substr 8 12 $sum) (substr 12 16 $sum) (substr 16 20 $sum) (substr 20 32 $sum) -}}
{{- merge $detail (dict "schema_version" 1 "id" $row) | toJson -}}
{{- end -}}
