// A drop zone around the file field, which works without it.
const form = document.querySelector("[data-upload]");

if (form) {
  const field = form.querySelector("input[type=file]");
  const over = (isOver) => (event) => { event.preventDefault(); form.classList.toggle("over", isOver); };
  form.addEventListener("dragenter", over(true));
  form.addEventListener("dragover", over(true));
  form.addEventListener("dragleave", over(false));
  form.addEventListener("drop", (event) => {
    over(false)(event);
    if (!event.dataTransfer.files.length) return;
    field.files = event.dataTransfer.files;
    judge();
    form.requestSubmit();
  });
  const judge = () => {
    const bytes = [...field.files].reduce((sum, file) => sum + file.size, 0);
    field.setCustomValidity(field.files.length > 50 ? form.dataset.tooMany : bytes > Number(form.dataset.maxBytes) ? form.dataset.tooLarge : "");
  };
  field.addEventListener("change", judge);
  form.addEventListener("submit", () => { form.querySelector("button").disabled = true; });
}
