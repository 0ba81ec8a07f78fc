// Shows each piece of a stream with the milliseconds since it was asked for.

function output(button) {
  const element = document.getElementById(button.getAttribute("aria-controls"));
  const start = performance.now();
  element.textContent = "";
  return (text) => {
    const ms = Math.round(performance.now() - start);
    element.textContent += `${String(ms).padStart(6)} ms  ${text}\n`;
  };
}

async function read(button) {
  const write = output(button);
  button.disabled = true;
  try {
    const response = await fetch(button.dataset.stream);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      write(piece.value.trimEnd());
    }
    write("end");
  } catch (error) {
    write(String(error));
  }
  button.disabled = false;
}

function listen(button) {
  const write = output(button);
  const source = new EventSource(button.dataset.events);
  const stop = () => {
    source.close();
    write("closed");
    button.textContent = "Start";
    button.onclick = () => listen(button);
  };
  source.addEventListener("tick", (event) => write(`tick ${JSON.parse(event.data).number}`));
  source.addEventListener("error", stop);
  button.textContent = "Stop";
  button.onclick = stop;
}

for (const button of document.querySelectorAll("[data-stream]")) button.onclick = () => read(button);
for (const button of document.querySelectorAll("[data-events]")) button.onclick = () => listen(button);
