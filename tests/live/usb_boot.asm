; Boot code that shows where it came from: it reads sectors of its own drive by the firmware and prints them to COM1.
;
; It reads `count` sectors from the one whose number is in `packet` and sends the first line in them to COM1. From a disk
; (not from a CD) they are then written to `target`. The end is "DONE", or "FAILED" and the code of the firmware's error.
; The same 512 bytes serve as a master boot record and as a CD's boot image.

        bits 16
        org 0x7c00

COM1    equ 0x3f8
buffer  equ 0x8000

start:  cli
        cld
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        mov [drive], dl
        mov al, 3                       ; 8 bits, no parity, one stop bit
        mov dx, COM1 + 3
        out dx, al
        mov si, booted
        call print

        mov ah, 0x42                    ; extended read
        call disk
        jc failed
        mov si, buffer
        call print
        cmp byte [drive], 0xe0          ; CDs are numbered from there
        jae .done
        mov eax, [target]
        mov [first], eax
        mov ax, 0x4300                  ; extended write
        call disk
        jc failed
.done:  mov si, done
        call print
rest:   hlt
        jmp rest

failed: mov [code], ah
        mov si, sorry
        call print
        mov al, [code]
        call send
        jmp rest

disk:   mov dl, [drive]
        mov si, packet
        int 0x13
        ret

; sends up to and with a line feed
print:  lodsb
        call send
        cmp al, 10
        jne print
        ret

send:   push ax
        mov dx, COM1 + 5
.full:  in al, dx
        test al, 0x20
        jz .full
        pop ax
        mov dx, COM1
        out dx, al
        ret

booted: db "BOOTED", 10
done:   db "DONE", 10
sorry:  db "FAILED", 10
code:   db 0
drive:  db 0

        times 480 - ($ - $$) db 0
packet: db 16, 0
count:  dw 8                            ; offset 482: sectors to read
        dw buffer, 0
first:  dd 1                            ; offset 488: the first of them
        dd 0
target: dd 64                           ; offset 496: where they are written to

        times 510 - ($ - $$) db 0
        dw 0xaa55
