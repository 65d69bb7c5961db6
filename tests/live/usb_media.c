/* In the guest: usb_media take|eject|close DEVICE, as eject(1) does it. Opening a disk locks it, so "take" unlocks it. */

#include <fcntl.h>
#include <linux/cdrom.h>
#include <scsi/scsi_ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

int main(int count, char **words)
{
    int file, result;

    if (count != 3)
        return 2;
    file = open(words[2], O_RDONLY | O_NONBLOCK);
    if (file < 0)
        return 3;
    if (!strcmp(words[1], "take") && ioctl(file, SCSI_IOCTL_DOORUNLOCK, 0))
        return 4;
    result = ioctl(file, strcmp(words[1], "close") ? CDROMEJECT : CDROMCLOSETRAY, 0);
    if (result < 0)
        perror(words[1]);
    return result ? 1 : 0;
}
