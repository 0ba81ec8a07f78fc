import { line, open } from "./socket.js";

const list = document.getElementById("messages");
const form = document.getElementById("say");
const socket = open(list.dataset.socket, document.getElementById("state"), form.querySelector("button"));
socket.binaryType = "arraybuffer";

socket.addEventListener("message", ({ data }) => {
  if (typeof data === "string") line(list, "text", data);
  else line(list, "bytes", `${data.byteLength}: ${new TextDecoder().decode(data)}`);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = form.text.value;
  socket.send(form.bytes.checked ? new TextEncoder().encode(text) : text);
  form.text.value = "";
});
