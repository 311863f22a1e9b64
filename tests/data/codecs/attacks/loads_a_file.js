// expected: data {"asked":true}
let read = "";
import("/etc/passwd").then((found) => (read = String(found)), (error) => (read = String(error)));
function decodeUplink() {
  return { data: { asked: true, read: read || undefined } };
}
