{{/* As JSON, the places that have Pods in this installation, without the CloudNativePG operator's. */}}
{{- define "appliance.places" -}}
{{- $topology := .Files.Get "files/topology.json" | fromJson -}}
{{- $places := list -}}
{{- range $name, $component := $topology.components -}}
{{- range $component.places }}{{ $places = append $places . | uniq }}{{ end -}}
{{- end -}}
{{- $absent := list "postgres" -}}
{{- if not .Values.models }}{{ $absent = append $absent "engine" }}{{ end -}}
{{- if ne .Values.redis.mode "chart" }}{{ $absent = append $absent "redis" }}{{ end -}}
{{- $present := list -}}
{{- range $places }}{{ if not (has . $absent) }}{{ $present = append $present . }}{{ end }}{{ end -}}
{{- toJson $present -}}
{{- end -}}

{{/* A Service to what one place shows the network: (dict "root" $ "place" "web" "component" "web" "model" name) */}}
{{- define "appliance.service" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "appliance.name" . }}
  labels:
    {{- include "appliance.labels" . | nindent 4 }}
spec:
  type: ClusterIP
  selector:
    {{- include "appliance.selector" . | nindent 4 }}
  ports:
    {{- range index $topology.ports .component }}
    {{- if not .local }}
    - {name: {{ .name }}, port: {{ int .number }}, targetPort: {{ .name }}, protocol: {{ .transport }}}
    {{- end }}
    {{- end }}
{{- end -}}

{{/* What a drain of a node leaves running: all but one. */}}
{{- define "appliance.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "appliance.name" . }}
  labels:
    {{- include "appliance.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "appliance.selector" . | nindent 6 }}
{{- end -}}

{{/* What every Pod template begins with. */}}
{{- define "appliance.podMetadata" -}}
labels:
  {{- include "appliance.labels" . | nindent 2 }}
annotations:
  checksum/settings: {{ include "appliance.settingsChecksum" (dict "root" .root "model" .modelValues) }}
{{- end -}}
