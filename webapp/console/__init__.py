"""The console: answers for those who run the appliance, each as a question with its figure."""
