{{/* What every container is denied. */}}
{{- define "appliance.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
{{- end -}}

{{/* What every Pod is denied, and whom it runs as. */}}
{{- define "appliance.podSecurity" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
runAsNonRoot: true
runAsUser: {{ int $topology.user_id }}
runAsGroup: {{ int $topology.user_id }}
fsGroup: {{ int $topology.user_id }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What every Pod's spec begins with: (dict "root" $ "place" ... "model" name "placement" {...}) */}}
{{- define "appliance.podBasics" -}}
{{- $pods := .root.Values.pods -}}
{{- $placement := default dict .placement -}}
serviceAccountName: {{ include "appliance.name" (dict "root" .root "place" .place) }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- include "appliance.podSecurity" . | nindent 2 }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $placement.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with mergeOverwrite dict $pods.nodeSelector (default dict $placement.nodeSelector) }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat $pods.tolerations (default list $placement.tolerations) }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "appliance.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "appliance.selector" . | nindent 8 }}
{{- end -}}

{{/* The start of a container: (dict "root" $ "name" ... "image" "webapp" "argv" [...] "env" {...} "settings" {...} "resources" {...}) */}}
{{- define "appliance.container" -}}
- name: {{ .name }}
  image: {{ include "appliance.image" . | quote }}
  imagePullPolicy: {{ .root.Values.images.pullPolicy }}
  command: {{ include "appliance.command" . }}
  {{- with .env }}
  env:
    {{- range $name, $value := . }}
    - name: {{ $name }}
      value: {{ $value | quote }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "appliance.containerSecurity" . | nindent 4 }}
  resources:
    {{- toYaml .resources | nindent 4 }}
{{- end -}}

{{/* A Django process's own: its configuration, secrets and scratch space. "tls": it talks to the models. */}}
{{- define "appliance.webappMounts" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
volumeMounts:
  - {name: config, mountPath: {{ dir $topology.paths.config }}, readOnly: true}
  - {name: secrets, mountPath: {{ $topology.paths.secrets }}, readOnly: true}
  - {name: cache, mountPath: {{ $topology.paths.cache }}}
  - {name: tmp, mountPath: /tmp}
  {{- if .tls }}
  - {name: tls, mountPath: {{ $topology.paths.tls }}, readOnly: true}
  {{- end }}
  {{- if include "appliance.databaseCaSecret" .root }}
  - {name: database-ca, mountPath: {{ dir $topology.paths.database_ca }}, readOnly: true}
  {{- end }}
{{- end -}}

{{/* (dict "root" $ "tls" true "copies" true): with copies, what the setup hook brought for itself. */}}
{{- define "appliance.webappVolumes" -}}
{{- $fullname := include "appliance.fullname" .root -}}
volumes:
  - name: config
    configMap:
      name: {{ ternary (printf "%s-setup" $fullname) (printf "%s-config" $fullname) (default false .copies) }}
  - name: secrets
    projected:
      defaultMode: 0440
      sources:
        {{- include "appliance.secretSources" . | nindent 8 }}
  - name: cache
    emptyDir: {sizeLimit: {{ .root.Values.pods.scratchSize }}}
  - name: tmp
    emptyDir: {sizeLimit: {{ .root.Values.pods.scratchSize }}}
  {{- if .tls }}
  - name: tls
    secret:
      secretName: {{ include "appliance.tlsSecret" (dict "root" .root "side" "client") }}
      defaultMode: 0440
  {{- end }}
  {{- with include "appliance.databaseCaSecret" .root }}
  - name: database-ca
    secret:
      {{- . | nindent 6 }}
      defaultMode: 0440
  {{- end }}
{{- end -}}

{{/* The volumes of a model server and the proxy beside it: (dict "root" $ "config" name "scratchSize" ...) */}}
{{- define "appliance.modelServerVolumes" -}}
- name: config
  configMap:
    name: {{ .config }}
- name: cache
  emptyDir: {sizeLimit: {{ .scratchSize }}}
- name: tmp
  emptyDir: {sizeLimit: {{ .scratchSize }}}
- name: proxy-cache
  emptyDir: {sizeLimit: 64Mi}
- name: proxy-tmp
  emptyDir: {sizeLimit: 64Mi}
- name: tls
  secret:
    secretName: {{ include "appliance.tlsSecret" (dict "root" .root "side" "server") }}
    defaultMode: 0440
{{- end -}}

{{/* engine-proxy beside a model server; the certificate is mounted here and nowhere else in the Pod. */}}
{{- define "appliance.engineProxy" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $proxy := .proxy | default (index $topology.containers (default "engine" .place) 1) -}}
{{- $port := first (index $topology.ports $proxy.name) -}}
{{ include "appliance.container" (dict "root" .root "name" $proxy.name "image" $proxy.image "argv" $proxy.argv "env" $proxy.env "settings" .settings "resources" .root.Values.engineProxy.resources) }}
  ports:
    - {name: {{ $port.name }}, containerPort: {{ int $port.number }}, protocol: {{ $port.transport }}}
  # The proxy asks every client for a certificate, the kubelet included: what it can see is whether somebody listens.
  startupProbe:
    tcpSocket: {port: {{ $port.name }}}
    periodSeconds: 2
    failureThreshold: 60
  readinessProbe:
    tcpSocket: {port: {{ $port.name }}}
    periodSeconds: 10
  livenessProbe:
    tcpSocket: {port: {{ $port.name }}}
    periodSeconds: 30
    failureThreshold: 4
  lifecycle:
    preStop:
      sleep: {seconds: {{ int .drainSeconds }}}
  volumeMounts:
    - {name: config, mountPath: {{ dir $topology.paths.config }}, readOnly: true}
    - {name: tls, mountPath: {{ $topology.paths.tls }}, readOnly: true}
    - {name: proxy-cache, mountPath: {{ $topology.paths.cache }}}
    - {name: proxy-tmp, mountPath: /tmp}
    {{- if .events }}
    - {name: events, mountPath: {{ $topology.paths.events }}, readOnly: true}
    {{- end }}
{{- end -}}

{{/* The probes of a model server, which listens on loopback: (dict "container" {...} "startTimeoutSeconds" 600) */}}
{{- define "appliance.modelServerProbes" -}}
startupProbe:
  exec:
    command: {{ toJson .container.probes.startup }}
  periodSeconds: 10
  timeoutSeconds: 60
  failureThreshold: {{ max 1 (div (add .startTimeoutSeconds 9) 10) }}
readinessProbe:
  exec:
    command: {{ toJson .container.probes.readiness }}
  periodSeconds: 15
  timeoutSeconds: 10
  failureThreshold: 3
# Loading again takes minutes: only a server that said nothing for five of them is started again.
livenessProbe:
  exec:
    command: {{ toJson .container.probes.liveness }}
  periodSeconds: 60
  timeoutSeconds: 30
  failureThreshold: 5
{{- end -}}

{{/* Waits for a database whose tables are this release's. */}}
{{- define "appliance.waitContainer" -}}
{{- $topology := .root.Files.Get "files/topology.json" | fromJson -}}
{{- $argv := concat $topology.manage.argv (list "wait_for_database" "--migrated" "--seconds" (toString (int .root.Values.setup.deadlineSeconds))) -}}
{{ include "appliance.container" (dict "root" .root "name" "wait" "image" $topology.manage.image "argv" $argv "env" $topology.manage.env "settings" .settings "resources" .root.Values.setup.resources) }}
  {{- include "appliance.webappMounts" (dict "root" .root "tls" .tls) | nindent 2 }}
{{- end -}}
