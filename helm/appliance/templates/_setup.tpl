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
