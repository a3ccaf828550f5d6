{{/* A Deployment of one of the application's processes that nobody connects to: (dict "root" $ "place" "worker" "waits" true "tls" true "replicas" n) */}}
{{- define "appliance.background" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $settings := include "appliance.settings" .root | fromYaml -}}
{{- $values := index .root.Values .place -}}
{{- $container := first (index $topology.containers .place) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "appliance.name" . }}
  labels:
    {{- include "appliance.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ int .replicas }}
  {{- end }}
  strategy:
    type: {{ ternary "Recreate" "RollingUpdate" (default false .single) }}
  selector:
    matchLabels:
      {{- include "appliance.selector" . | nindent 6 }}
  template:
    metadata:
      {{- include "appliance.podMetadata" . | nindent 6 }}
    spec:
      {{- include "appliance.podBasics" . | nindent 6 }}
      {{- include "appliance.spread" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ add $container.stop_seconds 10 }}
      {{- if .waits }}
      initContainers:
        {{- include "appliance.waitContainer" (dict "root" .root "settings" $settings "tls" .tls) | nindent 8 }}
      {{- end }}
      containers:
        {{- include "appliance.container" (dict "root" .root "name" $container.name "image" $container.image "argv" $container.argv "env" $container.env "settings" $settings "resources" $values.resources) | nindent 8 }}
          {{- include "appliance.webappMounts" (dict "root" .root "tls" .tls) | nindent 10 }}
      {{- include "appliance.webappVolumes" (dict "root" .root "tls" .tls) | nindent 6 }}
{{- end -}}
